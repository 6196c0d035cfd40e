//! The Arrow schema in a Parquet file: where its readers look for the metadata of a column, because Parquet itself
//! has no place for any.
//!
//! It is an Arrow IPC message (Arrow columnar format 1.0, "Encapsulated message format"), in base64 under the key
//! `ARROW:schema`. The tables below are those of the format's `Message.fbs` and `Schema.fbs`; a slot is the place of
//! a field in its table.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flatbuffers::{FlatBufferBuilder, ForwardsUOffset, TableFinishedWIPOffset, WIPOffset};

use super::Column;
use thermine_capture::tables::Kind;

/// `MetadataVersion.V5`.
const V5: i16 = 4;

/// `MessageHeader.Schema`.
const SCHEMA: u8 = 1;

/// `Precision.DOUBLE`.
const DOUBLE: i16 = 2;

/// Begins an encapsulated message.
const CONTINUATION: [u8; 4] = [0xff; 4];

type Builder<'a> = FlatBufferBuilder<'a>;
type Table = WIPOffset<TableFinishedWIPOffset>;

/// Offset of the `n`th slot in a table's directory, which begins with two lengths of two bytes.
const fn slot(n: u16) -> u16 {
    4 + 2 * n
}

/// The schema of `columns`, each with its unit under `unit`. Readers that find it look nowhere else for what is said of
/// the file, so that stands in it too.
pub(super) fn schema(columns: &[Column], of_the_file: &[(&str, String)]) -> String {
    let mut builder = Builder::new();
    let fields: Vec<Table> = columns
        .iter()
        .map(|column| field(&mut builder, column))
        .collect();
    let fields = builder.create_vector(&fields);
    let metadata: Vec<Table> = of_the_file
        .iter()
        .map(|(key, value)| pair(&mut builder, key, value))
        .collect();
    let metadata = builder.create_vector(&metadata);
    let start = builder.start_table();
    builder.push_slot_always(slot(1), fields);
    builder.push_slot_always(slot(2), metadata);
    let schema = builder.end_table(start);

    let start = builder.start_table();
    builder.push_slot_always::<i64>(slot(3), 0);
    builder.push_slot_always(slot(2), schema);
    builder.push_slot_always(slot(0), V5);
    builder.push_slot_always(slot(1), SCHEMA);
    let message = builder.end_table(start);
    builder.finish_minimal(message);

    let mut body = builder.finished_data().to_vec();
    body.resize(body.len().next_multiple_of(8), 0);
    let mut message = CONTINUATION.to_vec();
    message.extend((body.len() as u32).to_le_bytes());
    message.extend(body);
    STANDARD.encode(message)
}

fn pair(builder: &mut Builder<'_>, key: &str, value: &str) -> Table {
    let key = builder.create_string(key);
    let value = builder.create_string(value);
    let start = builder.start_table();
    builder.push_slot_always(slot(0), key);
    builder.push_slot_always(slot(1), value);
    builder.end_table(start)
}

fn field(builder: &mut Builder<'_>, column: &Column) -> Table {
    let name = builder.create_string(&column.name);
    let metadata = (!column.unit.is_empty()).then(|| {
        let pair = pair(builder, "unit", &column.unit);
        builder.create_vector(&[pair])
    });
    let children = builder.create_vector::<ForwardsUOffset<TableFinishedWIPOffset>>(&[]);
    // Of the union `Type`: its number, and a table.
    let (number, kind): (u8, Table) = match column.kind {
        Kind::Integer => {
            let start = builder.start_table();
            builder.push_slot_always::<i32>(slot(0), 64);
            builder.push_slot_always(slot(1), true);
            (2, builder.end_table(start))
        }
        Kind::Real => {
            let start = builder.start_table();
            builder.push_slot_always(slot(0), DOUBLE);
            (3, builder.end_table(start))
        }
        Kind::Blob => {
            let start = builder.start_table();
            (4, builder.end_table(start))
        }
        Kind::Text => {
            let start = builder.start_table();
            (5, builder.end_table(start))
        }
    };
    let start = builder.start_table();
    builder.push_slot_always(slot(0), name);
    builder.push_slot_always(slot(3), kind);
    builder.push_slot_always(slot(5), children);
    if let Some(metadata) = metadata {
        builder.push_slot_always(slot(6), metadata);
    }
    builder.push_slot_always(slot(1), column.optional);
    builder.push_slot_always(slot(2), number);
    builder.end_table(start)
}
