"""The tables of the index: numbered, forward-only steps, and the version check on opening."""

from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.errors import IndexNewerError

# Times are stored as naive TIMESTAMP in UTC: DuckDB needs pytz to hand out TIMESTAMPTZ, and a local zone must never
# leak in. Uniqueness is the one writer's business, so there are plain indexes and no keys: DuckDB's unique indexes
# refuse a delete and an insert of the same key in one transaction. `*_folded` columns hold the text as matching
# compares it (spec search §5.5): case folded, trailing padding gone, for names accents gone too. `*_words`: names as
# fuzzy matching compares them (spec search §6): folded words, each led by one space.
STEPS: tuple[str, ...] = (
    """
    CREATE TABLE partitions (partition_key INTEGER NOT NULL, name VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL);

    CREATE TABLE studies (
        study_key BIGINT NOT NULL,
        partition_key INTEGER NOT NULL,
        study_uid VARCHAR NOT NULL,
        patient_id VARCHAR, patient_id_folded VARCHAR,
        patient_name VARCHAR, patient_name_folded VARCHAR, patient_name_words VARCHAR,
        patient_birth_date VARCHAR,
        accession_number VARCHAR, accession_number_folded VARCHAR,
        referring_physician_name VARCHAR,
        referring_physician_name_folded VARCHAR, referring_physician_name_words VARCHAR,
        study_date VARCHAR,
        study_description VARCHAR, study_description_folded VARCHAR,
        expires_at TIMESTAMP
    );
    CREATE INDEX studies_by_uid ON studies (study_uid);

    CREATE TABLE series (
        series_key BIGINT NOT NULL,
        partition_key INTEGER NOT NULL,
        study_uid VARCHAR NOT NULL,
        series_uid VARCHAR NOT NULL,
        modality VARCHAR, modality_folded VARCHAR,
        performed_procedure_step_start_date VARCHAR,
        manufacturer_model_name VARCHAR, manufacturer_model_name_folded VARCHAR
    );
    CREATE INDEX series_by_study ON series (study_uid);

    CREATE TABLE instances (
        watermark BIGINT NOT NULL,
        partition_key INTEGER NOT NULL,
        study_uid VARCHAR NOT NULL,
        series_uid VARCHAR NOT NULL,
        sop_instance_uid VARCHAR NOT NULL,
        transfer_syntax_uid VARCHAR NOT NULL,
        size_bytes BIGINT NOT NULL
    );
    CREATE INDEX instances_by_study ON instances (study_uid);
    CREATE INDEX instances_by_uid ON instances (sop_instance_uid);

    CREATE TABLE changes (
        sequence BIGINT NOT NULL,
        changed_at TIMESTAMP NOT NULL,
        action VARCHAR NOT NULL,
        partition_key INTEGER NOT NULL,
        study_uid VARCHAR NOT NULL,
        series_uid VARCHAR NOT NULL,
        sop_instance_uid VARCHAR NOT NULL,
        watermark BIGINT NOT NULL
    );
    """,
    # The values of extended query tags: one row a study, series or instance that has the attribute. `text` holds what
    # is compared (folded, a date or time as it sorts), `words` names as fuzzy matching compares them. `watermark` is
    # the version that the value comes from.
    """
    CREATE TABLE query_tags (
        tag_key INTEGER NOT NULL,
        path VARCHAR NOT NULL,
        vr VARCHAR NOT NULL,
        private_creator VARCHAR,
        level INTEGER NOT NULL,
        status VARCHAR NOT NULL,
        query_status VARCHAR NOT NULL,
        error_count INTEGER NOT NULL,
        operation_id VARCHAR
    );
    CREATE TABLE study_tag_values (
        tag_key INTEGER NOT NULL,
        partition_key INTEGER NOT NULL,
        study_uid VARCHAR NOT NULL,
        watermark BIGINT NOT NULL,
        text VARCHAR, words VARCHAR, number DOUBLE
    );
    CREATE TABLE series_tag_values (
        tag_key INTEGER NOT NULL,
        partition_key INTEGER NOT NULL,
        study_uid VARCHAR NOT NULL,
        series_uid VARCHAR NOT NULL,
        watermark BIGINT NOT NULL,
        text VARCHAR, words VARCHAR, number DOUBLE
    );
    CREATE TABLE instance_tag_values (
        tag_key INTEGER NOT NULL,
        watermark BIGINT NOT NULL,
        text VARCHAR, words VARCHAR, number DOUBLE
    );
    CREATE TABLE tag_errors (
        tag_key INTEGER NOT NULL,
        watermark BIGINT NOT NULL,
        created_at TIMESTAMP NOT NULL,
        code INTEGER NOT NULL
    );
    CREATE TABLE operations (
        operation_id VARCHAR NOT NULL,
        operation_type VARCHAR NOT NULL,
        status VARCHAR NOT NULL,
        created_at TIMESTAMP NOT NULL,
        updated_at TIMESTAMP NOT NULL,
        percent INTEGER,
        resources VARCHAR,
        results VARCHAR,
        work VARCHAR NOT NULL
    );
    """,
    # The worklist. The columns behind `data_set` hold what is searched for, folded; lists have a value for each item of
    # a sequence. `transaction_uid` is the lock of whoever claimed the workitem. A standing subscription is one to all
    # workitems, or to those that a filter matches; one to a workitem is the AE's own, or follows from a standing one.
    """
    CREATE TABLE workitems (
        workitem_key BIGINT NOT NULL,
        partition_key INTEGER NOT NULL,
        workitem_uid VARCHAR NOT NULL,
        state VARCHAR NOT NULL,
        transaction_uid VARCHAR,
        data_set VARCHAR NOT NULL,
        patient_name VARCHAR, patient_name_words VARCHAR,
        patient_id VARCHAR,
        accession_numbers VARCHAR[],
        requested_procedure_ids VARCHAR[],
        start_date_time VARCHAR,
        station_names VARCHAR[],
        station_classes VARCHAR[],
        station_locations VARCHAR[],
        procedure_step_state VARCHAR,
        study_uid VARCHAR
    );
    CREATE INDEX workitems_by_uid ON workitems (workitem_uid);
    CREATE TABLE standing_subscriptions (
        partition_key INTEGER NOT NULL,
        ae_title VARCHAR NOT NULL,
        target VARCHAR NOT NULL,
        deletion_lock BOOLEAN NOT NULL,
        filter VARCHAR,
        is_suspended BOOLEAN NOT NULL
    );
    CREATE TABLE workitem_subscriptions (
        partition_key INTEGER NOT NULL,
        ae_title VARCHAR NOT NULL,
        workitem_key BIGINT NOT NULL,
        deletion_lock BOOLEAN NOT NULL,
        is_subscribed BOOLEAN NOT NULL,
        is_own BOOLEAN NOT NULL
    );
    CREATE TABLE worklist_events (event_key BIGINT NOT NULL, ae_title VARCHAR NOT NULL, frame VARCHAR NOT NULL);
    """,
    # The version before the first bulk update, of instances that were updated.
    """
    ALTER TABLE instances ADD COLUMN original_watermark BIGINT;
    ALTER TABLE instances ADD COLUMN original_size_bytes BIGINT;
    """,
)


def migrate(connection: DuckDBPyConnection) -> None:
    """Takes the missing steps, each in a transaction of its own. Raises IndexNewerError."""
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    version: int = (row and row[0]) or 0
    if version > len(STEPS):
        raise IndexNewerError(version, len(STEPS))
    for number, step in enumerate(STEPS[version:], start=version + 1):
        connection.execute(f"BEGIN; {step}; INSERT INTO schema_version VALUES ({number}); COMMIT")
