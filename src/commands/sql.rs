//! `sql group` and `sql join`: the statements that a data engine runs before and after.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use content_portal::causes::with_causes;
use content_portal::customer::Schema;
use content_portal::model_store::{ModelStore, StoreError};
use content_portal::sql::{Customers, Dialect, Identified, Table, group, join};

use super::config::Config;
use super::misconfigured::WrongArgument;
use super::output::print_line;
use super::setup;

#[derive(Debug, Subcommand)]
pub enum SqlCommand {
    /// Print the statement that groups customers into profiles, for `retrain --profiles` and `assign`.
    Group(CustomersArgs),
    /// Print the statement that selects every customer with the segment of the profile.
    Join {
        #[command(flatten)]
        customers: CustomersArgs,
        /// The table of the profiles with their segments, as `assign` writes it; in DuckDB also files.
        #[arg(long, value_name = "TABLE", default_value = "segments")]
        segments: String,
    },
}

/// The table of customers.
#[derive(Debug, Args)]
pub struct CustomersArgs {
    /// The engine: duckdb, spark, bigquery or postgres.
    #[arg(long)]
    dialect: Dialect,
    /// The table of customers, such as crm.customers; in DuckDB also files, such as
    /// read_parquet('customers/*.parquet').
    #[arg(long, value_name = "TABLE", default_value = "customers")]
    table: String,
    /// What a column of the schema is called in the table, where it is not the schema's title. Give it once a column.
    #[arg(long = "column", value_name = "TITLE=NAME", value_parser = named_column)]
    columns: Vec<(String, String)>,
    /// The column that tells customers apart, where the table has several rows of one; only with --newest-by.
    #[arg(long, value_name = "NAME", requires = "newest_by")]
    identifier: Option<String>,
    /// The column by which the newest row of a customer is found; only with --identifier.
    #[arg(long, value_name = "NAME", requires = "identifier")]
    newest_by: Option<String>,
}

fn named_column(text: &str) -> Result<(String, String), &'static str> {
    let (title, name) = text.split_once('=').ok_or("it must be TITLE=NAME")?;
    Ok((title.to_owned(), name.to_owned()))
}

/// Prints the statement.
pub fn sql(config: &Config, command: &SqlCommand) -> anyhow::Result<ExitCode> {
    let schema = schema(config)?;
    let (args, segments) = match command {
        SqlCommand::Group(customers) => (customers, None),
        SqlCommand::Join { customers, segments } => (customers, Some(segments)),
    };
    let table = Table::parse(&args.table, args.dialect).map_err(|error| wrong("--table: ", &error))?;
    let identified = args.identifier.as_deref().zip(args.newest_by.as_deref());
    let identified = identified.map(|(by, newest_by)| Identified { by, newest_by });
    let customers = Customers { table: &table, columns: &args.columns, identified };
    let statement = match segments {
        None => group(&schema, &customers, args.dialect).map_err(|error| wrong("", &error))?,
        Some(segments) => {
            let segments = Table::parse(segments, args.dialect).map_err(|error| wrong("--segments: ", &error))?;
            join(&schema, &customers, &segments, args.dialect).map_err(|error| wrong("", &error))?
        }
    };
    print_line!("{statement}");
    Ok(ExitCode::SUCCESS)
}

/// An argument that the statement cannot be made with.
fn wrong(flag: &str, error: &(dyn Error + 'static)) -> WrongArgument {
    WrongArgument(format!("{flag}{}", with_causes(error)))
}

/// The live version's schema; that of the settings where there is none yet.
fn schema(config: &Config) -> anyhow::Result<Arc<Schema>> {
    match ModelStore::new(&config.paths.models).load_current() {
        Ok(version) => Ok(version.model.schema().clone()),
        Err(StoreError::NoCurrent { .. }) => setup::schema(config),
        Err(error) => Err(error.into()),
    }
}
