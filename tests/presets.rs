//! Presets: the shipped ones are right, route as their providers count, and a wrong one is told all its mistakes.

mod presets {
    mod bad;
    mod budgets;
    mod klaviyo;
    mod routes;
}
