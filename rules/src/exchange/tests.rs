use super::*;

/// The entries, and what was left out by line.
type Read = (Vec<String>, Vec<(u64, String)>);

fn found(format: Format, choice: &Choice, text: &str) -> Result<Read, String> {
    let (mut entries, mut left_out) = (Vec::new(), Vec::new());
    let bytes = text.as_bytes().to_vec();
    let mut open = || Ok(Box::new(io::Cursor::new(bytes.clone())) as Box<dyn BufRead>);
    let read = read(format, choice, &mut open, &mut |found| {
        match found {
            Found::Entry(Addition { line, number, reason, expires }) => {
                let more = [reason, expires].into_iter().flatten().map(|text| format!(" {text}"));
                entries.push(format!("{line} {number}{}", more.collect::<String>()));
            }
            Found::LeftOut { line, why } => left_out.push((line, why)),
        }
        Ok(())
    });
    read.map(|()| (entries, left_out)).map_err(|error| error.to_string())
}

fn tables(text: &str) -> Read {
    found(Format::Tables, &Choice::default(), text).unwrap()
}

const DBTEXT: &str = "id(int,auto) prefix(string) allowlist(int) description(string,null) \n\
     0:globalblocklist:1\n\
     1:1900:0:premium\n\
     2:44909:0:\n\
     3:449098:1:the clinic\n\
     4:4490981:0:not all of it\n\
     5:49:1:nobody blocks these\n\
     6::0:all\n\
     7:12a4:0:colon\\: here\n\
     8:88123:0:a\\nb\n\
     9:88123:1:both\n";

#[test]
fn of_prefixes_the_longest_decides_as_in_kamailio() {
    let (entries, left_out) = tables(DBTEXT);
    let around: Vec<String> = "012345679".chars().map(|digit| format!("4 44909{digit}*")).collect();
    assert_eq!(
        entries,
        [&["3 1900* premium".to_owned()][..], &around, &["6 4490981* not all of it".to_owned()]].concat()
    );
    let said: Vec<u64> = left_out.iter().map(|(line, _)| *line).collect();
    assert_eq!(said, [2, 8, 9, 10, 7], "{left_out:?}");
    assert!(left_out[0].1.contains("3 fields stand in 4 columns"));
    assert!(left_out[1].1.contains("every number"));
    assert!(left_out[3].1.contains("blocked and allowed"));
    assert!(left_out[4].1.contains("49 is allowed where nothing is blocked"));
}

#[test]
fn digits_are_international_where_that_is_said() {
    let choice = Choice { international: true, ..Choice::default() };
    let (entries, _) =
        found(Format::Tables, &choice, "id(int) tprefix(string) tvalue(string)\n1:4420:x\n").unwrap();
    assert_eq!(entries, ["2 +4420* x"]);
    let (entries, _) = found(Format::Plain, &choice, "4420*\n+1 202 555 0143\n").unwrap();
    assert_eq!(entries, ["1 +4420*", "2 +1 202 555 0143"]);
}

#[test]
fn a_dump_of_mysql_is_read_with_its_own_columns_and_escapes() {
    let dump = "-- MySQL dump 10.13\n/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `globalblacklist`;\n\
         CREATE TABLE `globalblacklist` (\n  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,\n  `description` varchar(255) DEFAULT NULL,\n\
         `prefix` varchar(64) NOT NULL DEFAULT '',\n  `whitelist` tinyint(1) NOT NULL DEFAULT '0',\n  PRIMARY KEY (`id`),\n  KEY `i` (`prefix`)\n) ENGINE=InnoDB;\n\
         LOCK TABLES `globalblacklist` WRITE;\nINSERT INTO `globalblacklist` VALUES (1,'it\\'s, (bad)','1900',0),(2,NULL,'88',0),\n(3,'x','190055',1);\nUNLOCK TABLES;\n\
         INSERT INTO version (table_name, table_version) values ('globalblacklist','1');\n\
         INSERT INTO `address` (`id`,`grp`,`ip_addr`,`mask`) VALUES (1,1,'192.0.2.1',32);\n";
    let (entries, left_out) = tables(dump);
    assert_eq!(entries.len(), 9 + 9 + 1, "{entries:?}");
    assert!(entries.contains(&"13 19000* it's, (bad)".to_owned()) && entries.contains(&"13 88*".to_owned()));
    assert!(!entries.iter().any(|entry| entry.contains("190055*")), "{entries:?}");
    assert!(
        left_out.iter().any(|(_, why)| why.contains("table \"address\": 1 rows hold addresses")),
        "{left_out:?}"
    );
    assert!(
        left_out.iter().any(|(_, why)| why.contains("table \"version\": 1 rows hold no numbers")),
        "{left_out:?}"
    );
}

#[test]
fn a_dump_of_postgresql_is_read_in_both_forms() {
    let dump = "CREATE TABLE public.globalblocklist (\n    id integer NOT NULL,\n    prefix character varying(64) DEFAULT ''::character varying NOT NULL,\n\
         allowlist smallint DEFAULT 0 NOT NULL,\n    description character varying(255)\n);\n\
         COPY public.globalblocklist (id, prefix, allowlist, description) FROM stdin;\n1\t1900\t0\tpremium\n2\t88\t0\t\\N\n\\.\n\
         SELECT pg_catalog.setval('public.x', 2, true);\n\
         INSERT INTO public.globalblocklist VALUES (3, '8835', 0, E'it\\'s');\n\
         INSERT INTO public.globalblocklist (id, prefix, allowlist) VALUES (4, '8836', 0) ON CONFLICT DO NOTHING;\n";
    let (entries, left_out) = tables(dump);
    assert_eq!(entries, ["8 1900* premium", "9 88*", "12 8835* it's", "13 8836*"], "{left_out:?}");
}

#[test]
fn of_several_tables_with_numbers_one_must_be_chosen() {
    let dump = "INSERT INTO dr_rules (ruleid, groupid, prefix, description) VALUES (1,'1','44','to the carrier');\n\
         INSERT INTO globalblacklist (prefix, whitelist) VALUES ('1900',0);\n";
    let said = found(Format::Tables, &Choice::default(), dump).unwrap_err();
    assert!(said.contains("\"dr_rules\", \"globalblacklist\"; say which is meant with --table"), "{said}");
    let choice = Choice { table: Some("globalblacklist".to_owned()), ..Choice::default() };
    let (entries, left_out) = found(Format::Tables, &choice, dump).unwrap();
    assert_eq!(entries, ["2 1900*"]);
    assert!(left_out[0].1.contains("table \"dr_rules\": 1 rows are of another table"), "{left_out:?}");
    let choice = Choice { table: Some("x".to_owned()), ..Choice::default() };
    assert!(found(Format::Tables, &choice, dump).unwrap_err().contains("no table \"x\""));
}

#[test]
fn a_list_of_one_user_is_read_when_that_user_is_meant() {
    let table = "id(int,auto) username(string) domain(string) prefix(string) whitelist(int) \n\
         1:49721123456788:example.com:1234:0\n2:anna:example.com:1900:0\n3:anna:example.com:190055:1\n4:anna:example.org:88:0\n";
    let (entries, left_out) = tables(table);
    assert!(
        entries.is_empty() && left_out.len() == 4 && left_out[0].1.contains("\"49721123456788\" only"),
        "{left_out:?}"
    );
    let choice = Choice { user: Some("anna@example.com".to_owned()), ..Choice::default() };
    let (entries, left_out) = found(Format::Tables, &choice, table).unwrap();
    assert_eq!(entries.len(), 18, "{entries:?}");
    assert!(left_out[0].1.contains("2 rows are of other users"), "{left_out:?}");
}

#[test]
fn tables_of_keys_hold_exact_numbers_and_their_end() {
    let hash = "id(int,auto) key_name(string) key_type(int) value_type(int) key_value(string) expires(string) \n\
         1:12025550143:0:0:fraud:0\n2:anna:0:0:x:0\n3:12025550144:1:0:x:0\n4:+12025550145:0:1:1:1798675200\n";
    let (entries, left_out) = tables(hash);
    assert_eq!(entries, ["2 12025550143 fraud", "5 +12025550145 1 2026-12-31T00:00:00Z"]);
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    let cache = "INSERT INTO cachedb (keyname, value, counter, expires) VALUES ('12025550143','1',0,0),('block_12025550143','1',0,0);";
    let (entries, left_out) = tables(cache);
    assert_eq!((entries.len(), left_out.len()), (1, 1), "{left_out:?}");
    let dump = "{\n\tentry: 1\n\tsize: 2\n\tslot: {\n\t\t{\n\t\t\tname: 12025550143\n\t\t\tvalue: fraud\n\t\t\ttype: str\n\t\t}\n\t\t{\n\
         \t\t\tname: 12025550144\n\t\t\tvalue: 1\n\t\t\ttype: int\n\t\t}\n\t}\n}\n";
    assert_eq!(tables(dump).0, ["6 12025550143 fraud", "11 12025550144 1"]);
    let json = "{\n\"jsonrpc\": \"2.0\", \"result\": []}";
    assert!(found(Format::Tables, &Choice::default(), json).unwrap_err().contains("kamcmd htable.dump"));
}

#[test]
fn expressions_and_filters_are_read_as_far_as_they_are_numbers() {
    let plan = "INSERT INTO dialplan (id, dpid, pr, match_op, match_exp, disabled, attrs) VALUES (1,1,0,0,'12025550143',0,'a'),\n\
         (2,1,0,1,'^\\\\+4420',0,NULL),\n(3,1,0,1,'^1900[0-9]+$',0,NULL),\n(4,1,0,1,'^911$',0,NULL),\n(5,1,0,1,'^88.*',1,NULL);\n-- `x`\n";
    let (entries, left_out) = tables(&format!("/* x */ SET `y`;\n{plan}"));
    assert_eq!(entries, ["2 12025550143 a", "3 +4420*", "5 911"], "{left_out:?}");
    assert!(
        left_out[0].1.contains("more than a number or a prefix") && left_out[1].1.contains("switched off")
    );
    let filter = "id(int,auto) action(int) type(int) data(string)\n1:0:2:1.1.1.1\n2:0:0:friendly-scanner\n3:0:4:1202555\n4:1:4:1202\n5:2:0:15553101\n";
    let (entries, left_out) = tables(filter);
    assert_eq!(entries, ["4 1202555*", "6 15553101"]);
    assert_eq!(left_out.len(), 3);
}

#[test]
fn what_is_no_table_at_all_is_read_without_an_end() {
    for text in [
        "",
        "\n\n",
        "INSERT INTO",
        "INSERT INTO x VALUES (1,'",
        "COPY x FROM stdin;\n1\t2",
        "{",
        "\u{0}\u{1}'\u{1b}",
        "CREATE TABLE ((((",
    ] {
        let (entries, _) = tables(text);
        assert!(entries.is_empty(), "{text:?}");
    }
}

#[test]
fn list_files_of_people_are_read_with_or_without_columns() {
    let (entries, _) = found(
        Format::Plain,
        &Choice::default(),
        "\u{feff}# ours\n\nnumber;reason;expires\n+12025550143;\"calls;\ndaily\";2026-12-31\n(202) 555-0144;;\n1900* # premium;;\n",
    )
    .unwrap();
    assert_eq!(entries, ["4 +12025550143 calls;\ndaily 2026-12-31", "6 (202) 555-0144", "7 1900*"]);
    let (entries, _) = found(Format::Plain, &Choice::default(), "+12025550143\r\n+12025550144\r\n").unwrap();
    assert_eq!(entries, ["1 +12025550143", "2 +12025550144"]);
}
