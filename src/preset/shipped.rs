//! The presets that come with the library.

use super::Preset;

const SHIPPED: [(&str, &str); 11] = [
    ("aisoule", include_str!("../presets/aisoule.toml")),
    ("customerio", include_str!("../presets/customerio.toml")),
    ("github", include_str!("../presets/github.toml")),
    ("hubspot", include_str!("../presets/hubspot.toml")),
    ("keap", include_str!("../presets/keap.toml")),
    ("klaviyo", include_str!("../presets/klaviyo.toml")),
    ("klinky", include_str!("../presets/klinky.toml")),
    ("openai", include_str!("../presets/openai.toml")),
    ("shopify", include_str!("../presets/shopify.toml")),
    ("slack", include_str!("../presets/slack.toml")),
    ("stripe", include_str!("../presets/stripe.toml")),
];

/// The shipped presets. Each is read when it is asked for: keep it.
impl Preset {
    /// The names of all shipped presets, in order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// The shipped preset of this name.
    pub fn named(name: &str) -> Option<Self> {
        let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name)?;
        Some(Self::shipped(text))
    }

    /// AIsoule, and Meta's limits behind it.
    pub fn aisoule() -> Self {
        Self::shipped(SHIPPED[0].1)
    }

    /// Customer.io: Track, Pipelines and App API.
    pub fn customerio() -> Self {
        Self::shipped(SHIPPED[1].1)
    }

    /// GitHub: REST and GraphQL, primary and secondary limits.
    pub fn github() -> Self {
        Self::shipped(SHIPPED[2].1)
    }

    /// HubSpot.
    pub fn hubspot() -> Self {
        Self::shipped(SHIPPED[3].1)
    }

    /// Keap (Infusionsoft).
    pub fn keap() -> Self {
        Self::shipped(SHIPPED[4].1)
    }

    /// Klaviyo: each operation with its tier.
    pub fn klaviyo() -> Self {
        Self::shipped(SHIPPED[5].1)
    }

    /// Klinky.
    pub fn klinky() -> Self {
        Self::shipped(SHIPPED[6].1)
    }

    /// OpenAI: requests and tokens a minute.
    pub fn openai() -> Self {
        Self::shipped(SHIPPED[7].1)
    }

    /// Shopify's Admin API: REST, and points for GraphQL.
    pub fn shopify() -> Self {
        Self::shipped(SHIPPED[8].1)
    }

    /// Slack's Web API: each method with its tier.
    pub fn slack() -> Self {
        Self::shipped(SHIPPED[9].1)
    }

    /// Stripe.
    pub fn stripe() -> Self {
        Self::shipped(SHIPPED[10].1)
    }

    fn shipped(text: &str) -> Self {
        Self::parse(text).expect("a shipped preset is right: the tests read each of them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name() {
        for name in Preset::names() {
            assert_eq!(Preset::named(name).unwrap().name(), name);
        }
        let all = [
            Preset::aisoule(),
            Preset::customerio(),
            Preset::github(),
            Preset::hubspot(),
            Preset::keap(),
            Preset::klaviyo(),
            Preset::klinky(),
            Preset::openai(),
            Preset::shopify(),
            Preset::slack(),
            Preset::stripe(),
        ];
        assert!(Preset::names().eq(all.iter().map(Preset::name)));
        assert!(Preset::named("nobody").is_none());
    }
}
