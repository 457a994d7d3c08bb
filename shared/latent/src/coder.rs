//! Symbols and bits through one range coder.

use constriction::backends::Cursor;
use constriction::stream::model::DefaultUniformModel;
use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};
use constriction::stream::{Decode, Encode};

use crate::symbol_table::SYMBOL_LIMIT;
use crate::{LatentError, SymbolTable};

/// Ones of the longest escape prefix: symbols and tables lie within ±`SYMBOL_LIMIT`, so one is at
/// most `2^21` outside of its table, which doubled for the sign and counted from 1 has 23 bits.
const LONGEST_PREFIX: u32 = 22;

/// Writes symbols.
#[derive(Default)]
pub(crate) struct Writer(DefaultRangeEncoder);

/// Reads symbols.
pub(crate) struct Reader(DefaultRangeDecoder<Cursor<u32, Vec<u32>>>);

impl Writer {
    pub(crate) fn symbol(&mut self, symbol: i32, table: &SymbolTable) -> Result<(), LatentError> {
        let index = table.index_of(symbol);
        self.code(index, table)?;
        if index < table.escape() {
            return Ok(());
        }
        if symbol.unsigned_abs() > SYMBOL_LIMIT.unsigned_abs() {
            return Err(LatentError::SymbolTooLarge {
                symbol,
                limit: SYMBOL_LIMIT,
            });
        }
        self.excess(excess_of(symbol, table))
    }

    /// The bytes of everything written, trailing zeros cut off.
    pub(crate) fn finish(self) -> Vec<u8> {
        // Writing to memory cannot fail.
        let words = self.0.into_compressed().unwrap_or_default();
        // Most significant byte first, as the coder fills a word: what the last word does not
        // need are zeros at its end, and a reader takes missing bytes for zeros.
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.truncate(
            bytes
                .iter()
                .rposition(|&byte| byte != 0)
                .map_or(0, |at| at + 1),
        );
        bytes
    }

    /// Exponential Golomb code of order 0: `n` ones, a zero, and the lower `n` bits of `excess + 1`.
    fn excess(&mut self, excess: u32) -> Result<(), LatentError> {
        let value = excess + 1;
        let bits = value.ilog2();
        for _ in 0..bits {
            self.bit(1)?;
        }
        self.bit(0)?;
        (0..bits)
            .rev()
            .try_for_each(|bit| self.bit(value >> bit & 1))
    }

    fn bit(&mut self, bit: u32) -> Result<(), LatentError> {
        self.0
            .encode_symbol(bit as usize, DefaultUniformModel::new(2))
            .map_err(|_| LatentError::Payload("a bit without a probability"))
    }

    fn code(&mut self, index: usize, table: &SymbolTable) -> Result<(), LatentError> {
        self.0
            .encode_symbol(index, table)
            .map_err(|_| LatentError::Payload("a symbol without a probability"))
    }
}

impl Reader {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let words: Vec<u32> = bytes
            .chunks(4)
            .map(|chunk| {
                let mut word = [0; 4];
                word[..chunk.len()].copy_from_slice(chunk);
                u32::from_be_bytes(word)
            })
            .collect();
        // Reading from memory cannot fail.
        match DefaultRangeDecoder::from_compressed(words) {
            Ok(decoder) => Self(decoder),
            Err(never) => match never {},
        }
    }

    pub(crate) fn symbol(&mut self, table: &SymbolTable) -> Result<i32, LatentError> {
        let index = self.code(table)?;
        if index < table.escape() {
            // Within the table's range, which fits into 32 bits.
            return Ok(table.first() + index as i32);
        }
        symbol_of(self.excess()?, table)
    }

    /// Refuses bytes that nothing has read.
    pub(crate) fn finish(self) -> Result<(), LatentError> {
        if self.0.maybe_exhausted() {
            return Ok(());
        }
        Err(LatentError::Payload("bytes follow the last symbol"))
    }

    fn excess(&mut self) -> Result<u32, LatentError> {
        let mut bits = 0;
        while self.bit()? == 1 {
            bits += 1;
            if bits > LONGEST_PREFIX {
                return Err(LatentError::Payload("an escape code is too long"));
            }
        }
        let mut value = 1u32;
        for _ in 0..bits {
            value = value << 1 | self.bit()?;
        }
        Ok(value - 1)
    }

    fn bit(&mut self) -> Result<u32, LatentError> {
        self.0
            .decode_symbol(DefaultUniformModel::new(2))
            .map(|bit| bit as u32)
            .map_err(|_| LatentError::Payload("it is no code of any symbol"))
    }

    fn code(&mut self, table: &SymbolTable) -> Result<usize, LatentError> {
        self.0
            .decode_symbol(table)
            .map_err(|_| LatentError::Payload("it is no code of any symbol"))
    }
}

/// The distance of a symbol from a table's range, interleaved by side: even above, odd below.
fn excess_of(symbol: i32, table: &SymbolTable) -> u32 {
    // Both are within ±SYMBOL_LIMIT, so nothing here overflows.
    if symbol > table.last() {
        2 * (symbol - table.last() - 1).unsigned_abs()
    } else {
        2 * (table.first() - 1 - symbol).unsigned_abs() + 1
    }
}

/// Undoes [`excess_of`].
fn symbol_of(excess: u32, table: &SymbolTable) -> Result<i32, LatentError> {
    // At most 2^23, see LONGEST_PREFIX.
    let distance = (excess / 2) as i32;
    let symbol = match excess % 2 {
        0 => table.last() + 1 + distance,
        _ => table.first() - 1 - distance,
    };
    if symbol.unsigned_abs() > SYMBOL_LIMIT.unsigned_abs() {
        return Err(LatentError::Payload("an escaped symbol is out of range"));
    }
    Ok(symbol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(symbols: &[i32], table: &SymbolTable) -> Vec<u8> {
        let mut writer = Writer::default();
        for &symbol in symbols {
            writer.symbol(symbol, table).unwrap();
        }
        writer.finish()
    }

    fn read(bytes: &[u8], count: usize, table: &SymbolTable) -> Result<Vec<i32>, LatentError> {
        let mut reader = Reader::new(bytes);
        let symbols = (0..count)
            .map(|_| reader.symbol(table))
            .collect::<Result<_, _>>()?;
        reader.finish().map(|()| symbols)
    }

    fn table() -> SymbolTable {
        SymbolTable::of_probabilities("test", -3, &[0.01, 0.04, 0.2, 0.5, 0.2, 0.04], 0.001)
            .unwrap()
    }

    #[test]
    fn a_long_sequence_takes_its_entropy() {
        let symbols: Vec<i32> = (0..20_000)
            .map(|i| [0, 0, -1, 1, 0, 2, -3][i % 7])
            .collect();
        let table = table();
        let bits: f64 = symbols.iter().map(|&symbol| table.bits(symbol)).sum();
        let bytes = written(&symbols, &table).len() as f64;
        assert!(
            (bytes - bits / 8.0).abs() < 10.0,
            "{bytes} bytes for {bits} bits"
        );
    }

    #[test]
    fn a_symbol_beyond_the_limit_is_refused() {
        let mut writer = Writer::default();
        writer.symbol(SYMBOL_LIMIT, &table()).unwrap();
        writer.symbol(-SYMBOL_LIMIT, &table()).unwrap();
        assert!(matches!(
            writer.symbol(SYMBOL_LIMIT + 1, &table()),
            Err(LatentError::SymbolTooLarge { .. })
        ));
        assert!(writer.symbol(i32::MIN, &table()).is_err());
    }

    #[test]
    fn an_endless_escape_prefix_is_refused() {
        let table = table();
        let mut writer = Writer::default();
        writer.code(table.escape(), &table).unwrap();
        for _ in 0..100 {
            writer.bit(1).unwrap();
        }
        assert_eq!(
            read(&writer.finish(), 1, &table),
            Err(LatentError::Payload("an escape code is too long"))
        );
    }

    #[test]
    fn an_escaped_symbol_out_of_range_is_refused() {
        let table = table();
        let mut writer = Writer::default();
        writer.code(table.escape(), &table).unwrap();
        writer.excess((1 << 23) - 2).unwrap();
        assert_eq!(
            read(&writer.finish(), 1, &table),
            Err(LatentError::Payload("an escaped symbol is out of range"))
        );
    }

    #[test]
    fn bytes_behind_the_last_symbol_are_refused() {
        let mut bytes = written(&[0, 1, -1], &table());
        bytes.extend([0x55; 12]);
        assert_eq!(
            read(&bytes, 3, &table()),
            Err(LatentError::Payload("bytes follow the last symbol"))
        );
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(
            symbols in prop::collection::vec(
                prop_oneof![9 => -3i32..=2, 1 => -SYMBOL_LIMIT..=SYMBOL_LIMIT], 0..300,
            ),
        ) {
            let bytes = written(&symbols, &table());
            prop_assert_eq!(read(&bytes, symbols.len(), &table()), Ok(symbols));
        }

        #[test]
        fn any_bytes_are_symbols_or_an_error(bytes: Vec<u8>, count in 0usize..300) {
            if let Ok(symbols) = read(&bytes, count, &table()) {
                prop_assert!(symbols.iter().all(|s| s.unsigned_abs() <= SYMBOL_LIMIT.unsigned_abs()));
            }
        }
    }
}
