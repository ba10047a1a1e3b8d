//! Everything that needs no privilege: one module per area.

#[cfg(test)]
mod bounded;
#[cfg(test)]
mod capture;
#[cfg(test)]
mod catalog;
#[cfg(test)]
mod comparison;
#[cfg(test)]
mod confirmation;
#[cfg(test)]
mod confusion;
#[cfg(test)]
mod cookbook;
#[cfg(test)]
mod cookbook_text;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod dumps;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod explain_contract;
#[cfg(test)]
mod explain_facts;
#[cfg(test)]
mod explain_schema;
#[cfg(test)]
mod explain_topics;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod flood_lab;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod model_cases;
#[cfg(test)]
mod model_grid;
#[cfg(test)]
mod model_ipv6;
#[cfg(test)]
mod model_properties;
mod model_scripts;
#[cfg(test)]
mod output;
#[cfg(test)]
mod packaging;
#[cfg(test)]
mod params;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod readings;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod release;
#[cfg(test)]
mod scenario_files;
#[cfg(test)]
mod screen_lists;
#[cfg(test)]
mod screen_mouse;
#[cfg(test)]
mod screen_settings;
#[cfg(test)]
mod screen_ways;
mod screen_words;
#[cfg(test)]
mod screens;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod since;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod solve;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod status;
#[cfg(test)]
mod stored;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod threats;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod tracer;
#[cfg(test)]
mod tracing;
#[cfg(test)]
mod tune;
#[cfg(test)]
mod tune_text;
#[cfg(test)]
mod tune_tree;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod widths;
