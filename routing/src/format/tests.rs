use super::*;
use proptest::prelude::*;

const VRP: &str = "NAME : t\nTYPE : CVRPTW\nDIMENSION : 3\nVEHICLES : 2\nCAPACITY : 10\nSERVICE_TIME : 1\n\
EDGE_WEIGHT_TYPE : EUC_2D\nNODE_COORD_SECTION\n1 0 0\n2 3 4\n3 6 8\nDEMAND_SECTION\n1 0\n2 4\n3 5\n\
TIME_WINDOW_SECTION\n1 0 100\n2 0 50\n3 5 60\nDEPOT_SECTION\n1\n-1\nEOF\n";
const SOLOMON: &str = "T1\n\nVEHICLE\nNUMBER CAPACITY\n 2 10\n\nCUSTOMER\nCUST NO. XCOORD.\n\n\
0 0 0 0 0 100 0\n1 3 4 4 0 50 1\n2 6 8 5 5 60 1\n";
const LI_LIM: &str = "2 10 1\n0 0 0 0 0 100 0 0 0\n1 3 4 5 0 50 1 0 2\n2 6 8 -5 5 60 1 1 0\n";
const MATRIX: &str = "DIMENSION : 2\nCAPACITY : 10\nEDGE_WEIGHT_TYPE : EXPLICIT\nEDGE_WEIGHT_FORMAT : FULL_MATRIX\n\
EDGE_WEIGHT_SECTION\n0 7\n9 0\nDEMAND_SECTION\n1 0\n2 3\nDEPOT_SECTION\n1\n-1\n";

type Reader = fn(&str, Scale) -> Result<Instance, FormatError>;
const READERS: [Reader; 3] = [read_vrplib, read_solomon, read_li_lim];

/// After the change the text is refused with this message.
#[track_caller]
fn check_refused(read: Reader, text: &str, change: (&str, &str), expected: &str) {
    assert!(text.contains(change.0), "{change:?}");
    let text = text.replacen(change.0, change.1, 1);
    assert_eq!(read(&text, Scale::WHOLE).expect_err("the text is broken").to_string(), expected);
}

#[test]
fn the_same_problem_is_read_from_two_forms() {
    let a = read_vrplib(VRP, Scale::DIMACS).expect("well formed");
    let b = read_solomon(SOLOMON, Scale::DIMACS).expect("well formed");
    assert_eq!(a.problem, b.problem);
    assert_eq!((a.name.as_str(), b.name.as_str()), ("t", "T1"));
    assert_eq!(a.problem.travel().distance(1, 2), 50);
}

#[test]
fn a_matrix_is_read_in_its_direction() {
    let problem = read_vrplib(MATRIX, Scale::WHOLE).expect("well formed").problem;
    assert_eq!((problem.travel().distance(0, 1), problem.travel().distance(1, 0)), (7, 9));
}

#[test]
fn errors_name_line_and_field() {
    check_refused(
        read_vrplib,
        VRP,
        ("2 4\n", "2 2147483648\n"),
        "line 14: DEMAND_SECTION is 2147483648, outside 0 to 10",
    );
    check_refused(read_vrplib, VRP, ("2 4\n", "2 -4\n"), "line 14: DEMAND_SECTION is -4, outside 0 to 1000000000000");
    check_refused(read_vrplib, VRP, ("2 4\n", "2 four\n"), "line 14: DEMAND_SECTION is no number: \"four\"");
    check_refused(read_vrplib, VRP, ("5 60", "60 5"), "line 19: window ends at 5, before it starts at 60");
    check_refused(read_vrplib, VRP, ("3 6 8\n", "4 6 8\n"), "line 11: row 4 of NODE_COORD_SECTION where 3 was due");
    check_refused(read_vrplib, VRP, ("3 6 8\n", ""), "line 8: NODE_COORD_SECTION has 2 rows for 3");
    check_refused(
        read_vrplib,
        VRP,
        ("DIMENSION : 3", "DIMENSION : 4000000000"),
        "line 8: NODE_COORD_SECTION has 3 rows for 4000000000",
    );
    check_refused(read_vrplib, MATRIX, ("0 7", "0 -7"), "line 6: EDGE_WEIGHT_SECTION is -7, outside 0 to 1000000000");
    check_refused(
        read_vrplib,
        MATRIX,
        ("FULL_MATRIX", "UPPER_COL"),
        "line 4: EDGE_WEIGHT_FORMAT of this kind is not supported: \"UPPER_COL\"",
    );
    check_refused(read_solomon, SOLOMON, ("5 60", "60 5"), "line 12: window ends at 5, before it starts at 60");
    check_refused(read_solomon, SOLOMON, ("3 4 4", "3 4 2147483648"), "line 11: demand is 2147483648, outside 0 to 10");
    check_refused(
        read_li_lim,
        LI_LIM,
        ("-5", "-4"),
        "line 3: pickup and delivery of task 1 do not name each other with opposite amounts",
    );
    check_refused(
        read_li_lim,
        LI_LIM,
        ("1 0 2", "1 0 9"),
        "line 3: pickup and delivery of task 1 do not name each other with opposite amounts",
    );
}

#[test]
fn solutions_are_written_as_they_are_read() {
    for instance in [read_vrplib(VRP, Scale::WHOLE), read_li_lim(LI_LIM, Scale::WHOLE)] {
        let instance = instance.expect("well formed");
        let text = "Route #1: 1 2\nCost 20\n";
        let sol = instance.read_sol(text, 1).expect("well formed");
        assert_eq!((sol.plan.routes.len(), sol.cost), (1, Some(20)));
        assert_eq!(instance.write_sol(&sol.plan, "20"), text);
    }
}

#[test]
fn solutions_with_strange_stops_are_refused() {
    let instance = read_vrplib(VRP, Scale::WHOLE).expect("well formed");
    for (text, line) in [("Route #1: 0", 1), ("\nRoute #1: 1 1", 2), ("Route #1: 3", 1), ("Route #1: -1", 1)] {
        let refused = instance.read_sol(text, 1).expect_err("the stop is not there");
        assert!(matches!(refused, FormatError::Stop { line: l, .. } if l == line), "{refused}");
    }
}

#[test]
fn a_megabyte_of_nonsense_is_refused_by_all() {
    let nonsense: String = (0..1_000_000_u64).map(|i| char::from((i.wrapping_mul(i) % 94 + 33) as u8)).collect();
    let numbers = "9 ".repeat(500_000);
    let rows = "1 2 3\n".repeat(160_000);
    for text in [&nonsense, &numbers, &rows] {
        for read in READERS {
            assert!(read(text, Scale::WHOLE).is_err());
        }
    }
}

proptest! {
    #[test]
    fn readers_take_any_text_without_panic(text in ".{0,400}") {
        for read in READERS {
            drop(read(&text, Scale::THOUSANDTHS));
        }
    }

    #[test]
    fn readers_take_broken_files_without_panic(
        which in 0_usize..4,
        at in 0_usize..400,
        with in "[-0-9.e A-Z_:\n]{0,12}",
        cut in 0_usize..12,
    ) {
        let text = [VRP, MATRIX, SOLOMON, LI_LIM][which];
        let at = at % text.len();
        let broken = format!("{}{with}{}", &text[..at], &text[(at + cut).min(text.len())..]);
        for read in READERS {
            if let Ok(instance) = read(&broken, Scale::DIMACS) {
                prop_assert!(instance.rows.len() <= broken.len());
                drop(instance.read_sol(&broken, 1));
            }
        }
    }
}
