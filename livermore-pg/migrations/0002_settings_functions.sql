-- The calls of the program. Each is one round trip and one transaction, and sets its own tenant for just that long.
-- They run with the caller's rights, so row-level security holds inside them; the two that list run as the owner.

-- Which migration the database is at. Every migration replaces it; the program compares it at start.
CREATE FUNCTION livermore.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 2 $$;

-- Both NULL for a user who never saved.
CREATE FUNCTION livermore.settings_load(p_user bigint, OUT revision bigint, OUT document text)
LANGUAGE plpgsql AS $$
DECLARE
    -- In a declaration it costs an expression and not a query.
    tenant text := set_config('app.user_id', p_user::text, true);
BEGIN
    SELECT u.settings_revision, u.settings::text INTO revision, document FROM livermore.users u
    WHERE u.id = p_user AND u.settings IS NOT NULL;
END
$$;

-- p_expect: NULL anything, -1 nothing stored, otherwise exactly this revision.
-- outcome: 'saved', 'known' (the cause has been here before: its revision), 'conflict' (what is stored instead).
CREATE FUNCTION livermore.settings_save(
    p_user bigint, p_expect bigint, p_document jsonb, p_actor text, p_reason text, p_cause text, p_at_ms bigint,
    OUT outcome text, OUT revision bigint, OUT document text)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
    stored livermore.users%ROWTYPE;
    -- The revision to save over.
    base bigint := p_expect;
    -- Whether it is certain that the save may happen, because the row is locked and was looked at.
    decided boolean := false;
BEGIN
    FOR pass IN 1..2 LOOP
        -- First on trust, which nearly always does: over exactly the expected revision, if the cause is not known. A
        -- saver who has to wait for another one finds the revision gone after that; so a cause that came in meanwhile
        -- is not overlooked either.
        IF base >= 0 THEN
            WITH saved AS (
                UPDATE livermore.users u
                SET settings = p_document, settings_revision = u.settings_revision + 1, updated_at = now()
                WHERE u.id = p_user AND u.settings_revision = base AND (decided OR (
                    u.settings IS NOT NULL AND (p_cause IS NULL OR NOT EXISTS (
                        SELECT FROM livermore.settings_history h WHERE h.user_id = p_user AND h.cause = p_cause))))
                RETURNING u.settings_revision
            ), logged AS (
                INSERT INTO livermore.settings_history AS h (user_id, revision, document, actor, reason, cause, at)
                SELECT p_user, s.settings_revision, p_document, p_actor, p_reason, p_cause,
                    timestamptz 'epoch' + p_at_ms * interval '1 millisecond'
                FROM saved s
                RETURNING h.revision
            )
            SELECT 'saved', l.revision INTO outcome, revision
            FROM logged l, pg_notify('livermore_settings', p_user::text || ':' || l.revision::text);
            IF FOUND THEN
                RETURN;
            END IF;
        END IF;
        -- The row lock puts the savers of one user in a queue, so that what follows is decided on what is there.
        SELECT * INTO stored FROM livermore.users u WHERE u.id = p_user FOR UPDATE;
        IF NOT FOUND AND coalesce(p_expect, -1) = -1 THEN
            -- Waits for another first save that is under way, and then finds its row.
            INSERT INTO livermore.users (id) VALUES (p_user) ON CONFLICT (id) DO NOTHING;
            SELECT * INTO stored FROM livermore.users u WHERE u.id = p_user FOR UPDATE;
        END IF;
        IF p_cause IS NOT NULL THEN
            SELECT 'known', h.revision INTO outcome, revision FROM livermore.settings_history h
            WHERE h.user_id = p_user AND h.cause = p_cause;
            IF FOUND THEN
                RETURN;
            END IF;
        END IF;
        IF NOT (CASE
            WHEN p_expect IS NULL THEN true
            WHEN p_expect = -1 THEN stored.settings IS NULL
            ELSE stored.settings IS NOT NULL AND stored.settings_revision = p_expect
        END) THEN
            outcome := 'conflict';
            IF stored.settings IS NOT NULL THEN
                revision := stored.settings_revision;
                document := stored.settings::text;
            END IF;
            RETURN;
        END IF;
        base := stored.settings_revision;
        decided := true;
    END LOOP;
END
$$;

CREATE FUNCTION livermore.settings_history_page(p_user bigint, p_before bigint, p_limit bigint)
RETURNS TABLE (revision bigint, document text, actor text, reason text, cause text, at_ms bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
BEGIN
    RETURN QUERY
        SELECT h.revision, h.document::text, h.actor, h.reason, h.cause, round(extract(epoch FROM h.at) * 1000)::bigint
        FROM livermore.settings_history h
        WHERE h.user_id = p_user AND (p_before IS NULL OR h.revision < p_before)
        ORDER BY h.revision DESC
        LIMIT p_limit;
END
$$;

-- Ids of users with settings, nothing else. Runs as the owner: it crosses tenants, which is a right of its own.
CREATE FUNCTION livermore.settings_users(p_after bigint, p_limit bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id FROM livermore.users u
    WHERE u.settings IS NOT NULL AND u.id > coalesce(p_after, 0)
    ORDER BY u.id
    LIMIT p_limit
$$;

-- Revisions of the users asked for, nothing else: one question for all watches of a process.
CREATE FUNCTION livermore.settings_revisions(p_users bigint[])
RETURNS TABLE (user_id bigint, revision bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.settings_revision FROM livermore.users u
    WHERE u.id = ANY (p_users) AND u.settings IS NOT NULL
$$;

-- Gives a role what the program needs, and nothing more. May be repeated. To take the right to list users away again:
-- REVOKE EXECUTE ON FUNCTION livermore.settings_users(bigint, bigint) FROM the_role;
CREATE FUNCTION livermore.grant_access(p_role text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- Two that grant at once would be in each other's way ("tuple concurrently updated").
    PERFORM pg_advisory_xact_lock(hashtext('livermore.grant_access'));
    EXECUTE format('GRANT USAGE ON SCHEMA livermore TO %I', p_role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON livermore.users TO %I', p_role);
    EXECUTE format('GRANT SELECT, INSERT ON livermore.settings_history TO %I', p_role);
    EXECUTE format('GRANT EXECUTE ON FUNCTION livermore.settings_users(bigint, bigint) TO %I', p_role);
    EXECUTE format('GRANT EXECUTE ON FUNCTION livermore.settings_revisions(bigint[]) TO %I', p_role);
END
$$;

REVOKE ALL ON FUNCTION livermore.settings_users(bigint, bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION livermore.settings_revisions(bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION livermore.grant_access(text) FROM PUBLIC;
