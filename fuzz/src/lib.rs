//! Fuzz targets, one for each decoder of the table in `tests/hostile/decoders`.

#[expect(dead_code, reason = "what else the table says of a decoder is for the runner of the tests")]
#[path = "../../tests/hostile/decoders/mod.rs"]
mod decoders;

/// Hands an input to the decoder with this name.
///
/// # Panics
/// When there is none.
pub fn decode(name: &str, bytes: &[u8]) {
    let decoder = decoders::find_decoder(name).unwrap_or_else(|| panic!("there is no decoder {name}"));
    (decoder.run)(bytes);
}

/// A target for the decoder with this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::decode($name, bytes));
    };
}
