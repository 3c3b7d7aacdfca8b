-- Settings: one document per user, and every document that was ever saved.
--
-- Run it as the owner role: a role that owns the schema and that no program logs in as, except to migrate.
-- Needs PostgreSQL 13 or newer.

CREATE SCHEMA IF NOT EXISTS livermore;
REVOKE ALL ON SCHEMA livermore FROM PUBLIC;

-- Whether a document is one that livermore accepts: an object with a version, a whole number from 1. The program checks
-- this and more (nesting, size of numbers); this is the second line, for documents written by other hands. It is never
-- NULL, because a CHECK that is NULL passes.
CREATE FUNCTION livermore.is_settings(document jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        jsonb_typeof(document) = 'object'
        AND CASE
            WHEN (document -> 'version')::text ~ '^[1-9][0-9]{0,9}$'
            THEN (document ->> 'version')::bigint <= 4294967295
        END,
        false)
$$;

-- The size limits below accept whatever the program accepts: 64 KiB of compact JSON in which numbers are written out, as
-- they are here. jsonb is printed with a space after each colon and comma, and behind each there is something else, so
-- that the text may grow by half, to 98304 bytes.

CREATE TABLE livermore.users (
    id bigint PRIMARY KEY
        CONSTRAINT users_id_range CHECK (id BETWEEN 1 AND 9007199254740991),
    -- NULL: the user exists and never saved settings.
    settings jsonb
        CONSTRAINT users_settings_form CHECK (settings IS NULL OR livermore.is_settings(settings))
        CONSTRAINT users_settings_size CHECK (settings IS NULL OR octet_length(settings::text) <= 98304),
    settings_revision bigint NOT NULL DEFAULT 0
        CONSTRAINT users_revision_range CHECK (settings_revision BETWEEN 0 AND 9007199254740991),
    -- For queries over users. Cut, because an index entry has a size limit and a document may hold any text here.
    mode text GENERATED ALWAYS AS (
        CASE WHEN jsonb_typeof(settings -> 'mode') = 'string' THEN left(settings ->> 'mode', 64) END
    ) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_saved_has_revision CHECK (settings IS NULL OR settings_revision >= 1)
);
CREATE INDEX users_mode ON livermore.users (mode) WHERE mode IS NOT NULL;

CREATE TABLE livermore.settings_history (
    user_id bigint NOT NULL REFERENCES livermore.users (id) ON DELETE CASCADE,
    revision bigint NOT NULL
        CONSTRAINT settings_history_revision_range CHECK (revision BETWEEN 1 AND 9007199254740991),
    document jsonb NOT NULL
        CONSTRAINT settings_history_document_form CHECK (livermore.is_settings(document))
        CONSTRAINT settings_history_document_size CHECK (octet_length(document::text) <= 98304),
    actor text NOT NULL
        CONSTRAINT settings_history_actor_length CHECK (char_length(actor) BETWEEN 1 AND 100),
    reason text
        CONSTRAINT settings_history_reason_length CHECK (reason IS NULL OR char_length(reason) <= 500),
    cause text
        CONSTRAINT settings_history_cause_length CHECK (cause IS NULL OR char_length(cause) BETWEEN 1 AND 100),
    -- By the saver's clock; saved_at is the server's.
    at timestamptz NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, revision)
);
CREATE UNIQUE INDEX settings_history_cause ON livermore.settings_history (user_id, cause) WHERE cause IS NOT NULL;

-- The tenant of a transaction. After a transaction that set it, the setting is '' and not NULL.
CREATE FUNCTION livermore.tenant() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.user_id', true), '')::bigint
$$;

ALTER TABLE livermore.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE livermore.users FORCE ROW LEVEL SECURITY;
ALTER TABLE livermore.settings_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE livermore.settings_history FORCE ROW LEVEL SECURITY;

CREATE POLICY users_tenant ON livermore.users
    USING (id = (SELECT livermore.tenant())) WITH CHECK (id = (SELECT livermore.tenant()));
CREATE POLICY settings_history_tenant ON livermore.settings_history
    USING (user_id = (SELECT livermore.tenant())) WITH CHECK (user_id = (SELECT livermore.tenant()));

-- The owner may read all rows, for the functions that list ids and revisions. It writes one tenant at a time like
-- everyone else.
CREATE POLICY users_owner_reads ON livermore.users FOR SELECT TO CURRENT_USER USING (true);
