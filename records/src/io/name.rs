//! Names of customers as names of folders: nobody gets out of the store by being called `../..`.

/// The folder of `customer`, or of calls that are nobody's. A name of the usual kind stays as it is; every other byte is
/// written as in a URL, which engines read back.
pub(super) fn folder(customer: Option<&str>) -> String {
    let Some(customer) = customer else { return format!("customer={NOBODY}") };
    let mut name = String::from("customer=");
    for (place, byte) in customer.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || (place > 0 && matches!(byte, b'-' | b'.' | b'_'));
        if is_plain {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.len() > NAME_BYTES_MAX {
        // A tilde is in no name that was written in full.
        let cut = name.get(..NAME_BYTES_MAX - 17).map_or(0, str::len);
        name.truncate(cut);
        name.push_str(&format!("~{:016x}", fnv(customer.as_bytes())));
    }
    name
}

fn fnv(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// What Hive, Spark and DuckDB write where a partition has no value.
const NOBODY: &str = "__HIVE_DEFAULT_PARTITION__";
/// A name in a folder has 255 bytes at most.
const NAME_BYTES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_out_of_the_store_by_a_name() {
        for (name, expected) in [
            ("acme", "customer=acme"),
            ("Acme Ltd.", "customer=Acme%20Ltd."),
            ("../../etc", "customer=%2E.%2F..%2Fetc"),
            ("", "customer="),
            ("a/b\0c\nd", "customer=a%2Fb%00c%0Ad"),
            ("__HIVE_DEFAULT_PARTITION__", "customer=%5F_HIVE_DEFAULT_PARTITION__"),
            ("Ä=%", "customer=%C3%84%3D%25"),
        ] {
            assert_eq!(folder(Some(name)), expected);
        }
        assert_eq!(folder(None), "customer=__HIVE_DEFAULT_PARTITION__");
    }

    #[test]
    fn long_names_stay_apart() {
        let (one, other) = ("x".repeat(5_000), format!("{}y", "x".repeat(4_999)));
        assert!(folder(Some(&one)).len() <= NAME_BYTES_MAX);
        assert_ne!(folder(Some(&one)), folder(Some(&other)));
    }
}
