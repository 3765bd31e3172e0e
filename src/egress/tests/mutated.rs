//! Bytes of a sandbox and of a model API that are not what they should be.

use proptest::prelude::*;

use super::super::hello::Hello;
use super::super::hello::tests::greeting;
use super::super::hosts::destination;
use super::super::usage::UsageReader;
use super::*;
use crate::mutation::mutated;

fn destinations() -> Vec<Vec<u8>> {
    ["github.com:443", "a.b-c.example:22", "127.0.0.1:443", "xn--bcher-kva.example:443"]
        .map(|text| text.as_bytes().to_vec())
        .into()
}

fn answers() -> Vec<Vec<u8>> {
    let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-sonnet-4-5\",\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"some words\"}}\n\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":30,\"speed\":\"fast\"}}\n\n";
    let whole = "{\"model\":\"claude-haiku-4-5\",\"usage\":{\"input_tokens\":10,\"output_tokens\":20,\"cache_creation\":{\"ephemeral_1h_input_tokens\":5},\"cache_creation_input_tokens\":7}}";
    vec![stream.as_bytes().to_vec(), whole.as_bytes().to_vec()]
}

proptest! {
    #[test]
    fn a_mutated_destination_is_a_plain_name_and_a_port_or_none(bytes in mutated(destinations())) {
        let text = String::from_utf8_lossy(&bytes);
        if let Ok((host, port)) = destination(&text) {
            let name = host.as_str();
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            prop_assert!(name.contains('.') && name.chars().all(plain), "{name}");
            prop_assert!(name.parse::<std::net::IpAddr>().is_err() && port > 0);
            prop_assert_eq!(text.to_ascii_lowercase().replace(".:", ":"), format!("{name}:{port}"));
        }
    }

    #[test]
    fn a_mutated_answer_costs_the_same_wherever_it_is_cut_and_never_less_than_before(
        bytes in mutated(answers()),
        streamed in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let prices = Prices::default();
        let at = cut.index(bytes.len() + 1);
        let mut whole = UsageReader::new(streamed);
        whole.read(&bytes);
        let mut pieces = UsageReader::new(streamed);
        pieces.read(&bytes[..at]);
        let before = pieces.cost(&prices, false);
        pieces.read(&bytes[at..]);
        let after = pieces.cost(&prices, true);
        prop_assert_eq!(whole.cost(&prices, true), after);
        prop_assert!(after.tokens.total() >= before.tokens.total());
    }

    #[test]
    fn a_mutated_greeting_is_for_the_host_or_refused(bytes in mutated(vec![greeting("github.com", true)])) {
        let host = "github.com".parse().unwrap();
        if let Ok(Some(said)) = Hello::new().read(&bytes, &host) {
            prop_assert_eq!(said, bytes);
        }
    }
}
