//! Values as compact JSON at the end of a piece of memory. Every call is told once as a line, so this is on the way of
//! packets: texts that hold nothing to escape, which are nearly all, are looked at many bytes at a time and copied.

use serde::ser::{self, Serialize};
use serde_json::Error;
use serde_json::ser::Serializer;

use super::Inert;

/// Puts values behind what is in `out`.
pub(super) struct Writer<'a> {
    pub(super) out: &'a mut Vec<u8>,
}

/// A list or an object that is being written.
pub(super) struct Open<'a> {
    out: &'a mut Vec<u8>,
    /// What stands before the next item: a comma, or what begins the list or object.
    lead: u8,
    /// What ends it.
    end: &'static [u8],
}

impl<'a> Writer<'a> {
    fn open(self, begin: u8, end: &'static [u8]) -> Open<'a> {
        Open { out: self.out, lead: begin, end }
    }

    /// An object of one field, the name of a variant, around what `begin` begins.
    fn open_variant(self, variant: &str, begin: u8, end: &'static [u8]) -> Open<'a> {
        self.out.push(b'{');
        text(self.out, variant);
        self.out.push(b':');
        self.open(begin, end)
    }

    fn word(self, word: &str) -> Result<(), Error> {
        self.out.extend_from_slice(word.as_bytes());
        Ok(())
    }

    /// As the library writes it.
    fn plain(self, value: &impl Serialize) -> Result<(), Error> {
        value.serialize(&mut Serializer::new(self.out))
    }
}

impl<'a> Open<'a> {
    fn lead(&mut self) -> u8 {
        std::mem::replace(&mut self.lead, b',')
    }

    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        let lead = self.lead();
        self.out.push(lead);
        value.serialize(Writer { out: self.out })
    }

    fn close(self) -> Result<(), Error> {
        if self.lead != b',' {
            self.out.push(self.lead);
        }
        self.out.extend_from_slice(self.end);
        Ok(())
    }
}

/// Writes `text` in quotes.
fn text(out: &mut Vec<u8>, text: &str) {
    if may_need_escapes(text.as_bytes()) {
        // Writing to memory cannot fail.
        let _ = text.serialize(&mut Serializer::with_formatter(out, Inert));
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Whether any byte is a quote, a backslash, a control character or outside of ASCII.
fn may_need_escapes(bytes: &[u8]) -> bool {
    // What is left at the end is looked at together with what stands before it.
    if let Some(last) = bytes.last_chunk::<16>() {
        let (chunks, _) = bytes.as_chunks::<16>();
        return chunks.iter().chain([last]).fold(false, |found, chunk| found | is_any_to_escape(chunk));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (to_escape(*first) | to_escape(*last)) != 0;
    }
    let mut word = [b' '; 8];
    word.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    to_escape(word) != 0
}

/// Without a way out before the end, which lets a processor look at all of them at once.
fn is_any_to_escape(chunk: &[u8; 16]) -> bool {
    let is_one = |byte: u8| (byte.wrapping_sub(b' ') > b'~' - b' ') | (byte == b'"') | (byte == b'\\');
    chunk.iter().fold(0, |found, byte| found | u8::from(is_one(*byte))) != 0
}

/// Bits that are set where a byte of `word`, or one before it, is to be escaped.
fn to_escape(word: [u8; 8]) -> u64 {
    const LOW_BITS: u64 = u64::MAX / 0xff;
    const HIGH_BITS: u64 = LOW_BITS * 0x80;
    let word = u64::from_le_bytes(word);
    let is = |byte: u8| {
        let word = word ^ (LOW_BITS * u64::from(byte));
        word.wrapping_sub(LOW_BITS) & !word
    };
    // A byte below a space borrows, one above a tilde carries; both show in the highest bit, which else is clear.
    let below = word.wrapping_sub(LOW_BITS * 0x20);
    let above = word.wrapping_add(LOW_BITS);
    (below | above | word | is(b'"') | is(b'\\')) & HIGH_BITS
}

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Open<'a>;
    type SerializeTupleStruct = Open<'a>;
    type SerializeTupleVariant = Open<'a>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Open<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.word(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.plain(&value)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.plain(&value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.plain(&value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.plain(&value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.plain(&value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.plain(&value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        text(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.word("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.word("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.word("null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut object = self.open(b'{', b"}");
        ser::SerializeStruct::serialize_field(&mut object, variant, value)?;
        object.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'a>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Open<'a>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'a>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'a>, Error> {
        Ok(self.open_variant(variant, b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'a>, Error> {
        Ok(self.open(b'{', b"}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'a>, Error> {
        Ok(self.open(b'{', b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'a>, Error> {
        Ok(self.open_variant(variant, b'{', b"}}"))
    }
}

impl ser::SerializeSeq for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeTuple for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeTupleVariant for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let lead = self.lead();
        self.out.push(lead);
        let start = self.out.len();
        key.serialize(Writer { out: self.out })?;
        match self.out.get(start) {
            Some(b'"') => Ok(()),
            // Names are texts: numbers and truths get quotes.
            Some(b'0'..=b'9' | b'-' | b't' | b'f') => {
                self.out.insert(start, b'"');
                self.out.push(b'"');
                Ok(())
            }
            _ => Err(ser::Error::custom("key must be a string")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        value.serialize(Writer { out: self.out })
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        // Names of fields are words.
        debug_assert!(!may_need_escapes(name.as_bytes()), "{name:?} needs escapes");
        let lead = self.lead();
        self.out.extend_from_slice(&[lead, b'"']);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        value.serialize(Writer { out: self.out })
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeStructVariant for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        ser::SerializeStruct::serialize_field(self, name, value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}
