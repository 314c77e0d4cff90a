//! The table of an experiment as Parquet, with the columns of the CSV.

use anyhow::Context;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// The columns of the CSV, in its order. An empty field of an optional column is null.
const SCHEMA: &str = "message figures {
    required binary case (utf8);
    required binary scope_kind (utf8);
    required binary scope (utf8);
    required binary kpi (utf8);
    required binary unit (utf8);
    optional int32 replication;
    required double value;
    optional double half_width;
    optional double difference;
    optional double difference_half_width;
}";
/// Columns that are text; the next one is a whole number, the others are numbers.
const N_TEXTS: usize = 5;
/// Of the columns behind the texts, whether they may be null.
const MAY_BE_NULL: [bool; 5] = [true, false, true, true, true];

/// A file of one row group.
pub(super) fn of(table: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut reader = csv::Reader::from_reader(table);
    let n_columns = N_TEXTS + MAY_BE_NULL.len();
    let mut columns: Vec<Vec<String>> = vec![Vec::new(); n_columns];
    for record in reader.records() {
        let record = record.context("reading the table")?;
        anyhow::ensure!(record.len() == n_columns, "a row of {} fields, not {n_columns}", record.len());
        for (column, field) in columns.iter_mut().zip(&record) {
            column.push(field.to_owned());
        }
    }
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, properties)?;
    let mut group = file.next_row_group()?;
    for (i, fields) in columns.iter().enumerate() {
        let Some(mut column) = group.next_column()? else { break };
        let may_be_null = i >= N_TEXTS && MAY_BE_NULL[i - N_TEXTS];
        let levels: Vec<i16> = fields.iter().map(|field| i16::from(!field.is_empty())).collect();
        let levels = may_be_null.then_some(levels.as_slice());
        let told = fields.iter().filter(|field| !may_be_null || !field.is_empty());
        if i < N_TEXTS {
            let values: Vec<ByteArray> = told.map(|field| field.as_str().into()).collect();
            column.typed::<ByteArrayType>().write_batch(&values, levels, None)?;
        } else if i == N_TEXTS {
            let values = told.map(|field| field.parse()).collect::<Result<Vec<i32>, _>>()?;
            column.typed::<Int32Type>().write_batch(&values, levels, None)?;
        } else {
            let values = told.map(|field| field.parse()).collect::<Result<Vec<f64>, _>>()?;
            column.typed::<DoubleType>().write_batch(&values, levels, None)?;
        }
        column.close()?;
    }
    group.close()?;
    Ok(file.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn a_table_reads_back_as_it_was() {
        let table = "case,scope_kind,scope,kpi,unit,replication,value,half_width,difference,difference_half_width\r\n\
            \"a, b\",all,,fill_rate,1,0,0.5,,,\r\nother,site,WH,lost,{piece},,12.25,0.5,-1e-7,0\r\n";
        let file = SerializedFileReader::new(bytes::Bytes::from(of(table.as_bytes()).unwrap())).unwrap();
        let rows: Vec<String> = file.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        let [first, second] = rows.as_slice() else { panic!("{rows:?}") };
        for (row, parts) in [
            (first, ["case: \"a, b\"", "scope: \"\"", "replication: 0", "value: 0.5", "half_width: null"]),
            (second, ["scope: \"WH\"", "replication: null", "value: 12.25", "difference: -1E-7", "half_width: 0.5"]),
        ] {
            assert!(parts.iter().all(|part| row.contains(part)), "{row}: {parts:?}");
        }
        assert!(of(b"case,kpi\r\na,b\r\n").is_err());
    }
}
