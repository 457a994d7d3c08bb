//! Inputs that the fuzz target `payload` found worth keeping, and some that a person thought of.

use splitsim_latent::{LatentExtent, LatentModel};

#[test]
fn every_payload_of_the_corpus_is_latents_or_an_error() {
    let model = LatentModel::miniature().unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let input = std::fs::read(&path).unwrap();
        let [rows, columns, payload @ ..] = &input[..] else {
            panic!("{} is too short", path.display())
        };
        let side = |byte: &u8| 16 * (1 + usize::from(*byte % 64));
        let extent = LatentExtent::of_picture(side(rows), side(columns));
        if let Ok(latents) = model.decode(payload, extent) {
            let again = model.encode(&latents).unwrap();
            assert_eq!(
                model.decode(&again, extent),
                Ok(latents),
                "{}",
                path.display()
            );
        }
        tried += 1;
    }
    assert!(tried >= 10, "only {tried} inputs");
}
