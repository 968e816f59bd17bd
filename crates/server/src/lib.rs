//! The shop as a server: what is loaded and shared between requests, HTTP,
//! pages, jobs, configuration and the folder of base models.
#![forbid(unsafe_code)]

pub mod app;
pub mod bases;
pub mod commands;
pub mod config;
pub mod http;
pub mod jobs;
pub mod keyring;
pub mod mappings;
pub mod pages;
pub mod platforms;
pub mod progress;
pub mod records;
pub mod settings_file;
pub mod shared_file;
pub mod suggested_mapping;
pub mod table;
pub mod webhooks;
