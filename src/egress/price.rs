//! What tokens cost: a table by the beginning of a model's name.

/// Tokens of one answer, or of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Tokens {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    /// Those of `cache_write` that are kept for an hour.
    #[serde(default)]
    pub(crate) cache_write_hour: u64,
}

impl Tokens {
    /// Everything that the model read and wrote, from a cache or not.
    pub(crate) fn total(&self) -> u64 {
        let parts = [self.input, self.output, self.cache_read, self.cache_write];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

/// Dollars for a million tokens, read and written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Price {
    pub(crate) input: f64,
    pub(crate) output: f64,
}

/// What a token costs from the cache, and into it for five minutes and an hour, in hundredths of
/// one that is read.
const CACHE_READ_PERCENT: u64 = 10;
const CACHE_WRITE_PERCENT: u64 = 125;
const CACHE_WRITE_HOUR_PERCENT: u64 = 200;

/// Largest price: a slip of the comma must not make a budget endless.
pub(crate) const PRICE_MAX: f64 = 10_000.0;

/// What one search of the web costs, in thousand-millionths of a dollar.
const SEARCH_MONEY: u64 = 10_000_000;

/// What a fast answer costs, and one that may be made in one region only, in hundredths.
const FAST_PERCENT: u64 = 600;
const REGION_PERCENT: u64 = 110;

/// What else an answer costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// Searches of the web.
    pub(crate) searches: u64,
    pub(crate) fast: bool,
    pub(crate) region: bool,
}

const fn price(input: f64, output: f64) -> Price {
    Price { input, output }
}

/// Beginnings of names, and list prices as Claude Code 2.1.330 has them. Where a price grows with
/// the length of the prompt, the highest.
const LISTED: [(&str, Price); 20] = [
    ("claude-3-haiku", price(0.25, 1.25)),
    ("claude-3-opus", price(15.0, 75.0)),
    ("claude-3-5-haiku", price(0.8, 4.0)),
    ("claude-3-5-sonnet", price(3.0, 15.0)),
    ("claude-3-7-sonnet", price(3.0, 15.0)),
    ("claude-haiku-4-5", price(1.0, 5.0)),
    ("claude-haiku-5-5", price(0.5, 2.5)),
    ("claude-sonnet-4", price(3.0, 15.0)),
    ("claude-sonnet-5", price(2.0, 10.0)),
    ("claude-opus-4", price(15.0, 75.0)),
    ("claude-opus-4-5", price(5.0, 25.0)),
    ("claude-opus-4-6", price(5.0, 25.0)),
    ("claude-opus-4-7", price(5.0, 25.0)),
    ("claude-opus-4-8", price(5.0, 25.0)),
    ("claude-opus-5", price(5.0, 25.0)),
    ("claude-opus-5-5", price(4.0, 20.0)),
    ("claude-fable-5", price(10.0, 50.0)),
    ("claude-fable-5-2", price(8.0, 40.0)),
    ("claude-mythos-5", price(10.0, 50.0)),
    ("claude-mythos-5-2", price(8.0, 40.0)),
];

/// The table. A model that is not in it costs as much as the dearest.
#[derive(Debug, Clone)]
pub(crate) struct Prices {
    /// The configured ones come first.
    by_name: Vec<(String, Price)>,
}

impl Default for Prices {
    fn default() -> Self {
        Self::new([])
    }
}

impl Prices {
    /// The listed ones, and before them these.
    pub(crate) fn new(configured: impl IntoIterator<Item = (String, Price)>) -> Self {
        let mut by_name: Vec<_> = configured.into_iter().collect();
        // The longer a beginning is, the more it says.
        by_name.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let mut listed = LISTED.map(|(name, price)| (name.to_owned(), price));
        listed.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        by_name.extend(listed);
        Self { by_name }
    }

    fn of(&self, model: Option<&str>) -> Price {
        let known = model.and_then(|model| {
            self.by_name.iter().find(|(name, _)| model.starts_with(name.as_str()))
        });
        known.map_or_else(|| self.dearest(), |(_, price)| *price)
    }

    fn dearest(&self) -> Price {
        let highest = |part: fn(&Price) -> f64| {
            self.by_name.iter().map(|(_, price)| part(price)).fold(0.0, f64::max)
        };
        Price { input: highest(|price| price.input), output: highest(|price| price.output) }
    }

    /// What these tokens cost, in thousand-millionths of a dollar.
    pub(crate) fn money(&self, model: Option<&str>, tokens: Tokens, extras: Extras) -> u64 {
        let price = self.of(model);
        let (input, output) = (each(price.input), each(price.output));
        let short = tokens.cache_write.saturating_sub(tokens.cache_write_hour);
        let parts = [
            u128::from(tokens.input) * input,
            u128::from(tokens.output) * output,
            u128::from(tokens.cache_read) * input * u128::from(CACHE_READ_PERCENT) / 100,
            u128::from(short) * input * u128::from(CACHE_WRITE_PERCENT) / 100,
            u128::from(tokens.cache_write_hour) * input * u128::from(CACHE_WRITE_HOUR_PERCENT)
                / 100,
        ];
        let mut sum = parts.into_iter().fold(0, u128::saturating_add);
        for (applies, percent) in [(extras.fast, FAST_PERCENT), (extras.region, REGION_PERCENT)] {
            if applies {
                sum = sum.saturating_mul(percent.into()) / 100;
            }
        }
        sum = sum.saturating_add(u128::from(extras.searches) * u128::from(SEARCH_MONEY));
        u64::try_from(sum).unwrap_or(u64::MAX)
    }
}

/// Dollars for a million tokens as thousand-millionths of a dollar for one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10,000,000")]
fn each(dollars: f64) -> u128 {
    (dollars.clamp(0.0, PRICE_MAX) * 1000.0).round() as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    fn million_in_and_out(prices: &Prices, model: Option<&str>) -> u64 {
        let tokens = Tokens { input: 1_000_000, output: 1_000_000, ..Tokens::default() };
        prices.money(model, tokens, Extras::default()) / 1_000_000_000
    }

    #[test]
    fn the_longest_beginning_of_a_name_counts() {
        let prices = Prices::default();
        for (model, dollars) in [
            ("claude-opus-4-5-20251101", 30),
            ("claude-opus-4-1-20250805", 90),
            ("claude-sonnet-4-5", 18),
            ("claude-opus-4-20250514", 90),
            ("claude-opus-5-5", 24),
            ("claude-sonnet-5-5", 12),
            ("claude-haiku-4-5-20251001", 6),
            // As the dearest.
            ("gpt-9", 90),
            ("", 90),
        ] {
            assert_eq!(million_in_and_out(&prices, Some(model)), dollars, "{model}");
        }
        assert_eq!(million_in_and_out(&prices, None), 90);
    }

    #[test]
    fn a_configured_price_wins_and_may_be_the_dearest() {
        let price = Price { input: 100.0, output: 200.0 };
        let prices = Prices::new([("claude-opus".to_owned(), price)]);
        assert_eq!(million_in_and_out(&prices, Some("claude-opus-4-5")), 300);
        assert_eq!(million_in_and_out(&prices, Some("other")), 300);
        assert_eq!(million_in_and_out(&prices, Some("claude-sonnet-4-5")), 18);
    }

    #[test]
    fn caches_cost_their_share_and_nothing_overflows() {
        let prices = Prices::default();
        let tokens = Tokens {
            cache_read: 1_000_000,
            cache_write: 2_000_000,
            cache_write_hour: 1_000_000,
            ..Tokens::default()
        };
        // 0.3 + 3.75 + 6 dollars.
        let extras = Extras { searches: 3, fast: true, region: true };
        assert_eq!(prices.money(Some("claude-sonnet-4"), tokens, extras), 66_360_000_000);
        assert_eq!(
            prices.money(Some("claude-sonnet-4"), tokens, Extras::default()),
            10_050_000_000
        );
        let endless = Tokens { input: u64::MAX, output: u64::MAX, ..Tokens::default() };
        assert_eq!(
            prices.money(None, endless, Extras { searches: u64::MAX, fast: true, region: true }),
            u64::MAX
        );
    }
}
