-- Commands: what was asked of a user's monitor, what it should be doing, what it does, and who may decide.
--
-- What a command means, only the program knows: here are records and states, and the rules no writer may break.

-- What the monitor should be doing. The row is also the lock of the user's log: whoever writes a command, decides one or
-- ends one holds it, so that one thing happens at a time, and sequence numbers are committed in their order.
CREATE TABLE livermore.desired (
    user_id bigint PRIMARY KEY REFERENCES livermore.users (id) ON DELETE CASCADE,
    last_seq bigint NOT NULL DEFAULT 0
        CONSTRAINT desired_seq_range CHECK (last_seq BETWEEN 0 AND 9007199254740991),
    -- '{}' until a command changes it: the program's defaults.
    state jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT desired_state_object CHECK (jsonb_typeof(state) = 'object')
        CONSTRAINT desired_state_size CHECK (octet_length(state::text) <= 2097152),
    generation bigint NOT NULL GENERATED ALWAYS AS (coalesce((state ->> 'generation')::bigint, 0)) STORED
        CONSTRAINT desired_generation_range CHECK (generation BETWEEN 0 AND 9007199254740991),
    -- For queries; NULL until a command changes the state.
    phase text GENERATED ALWAYS AS (left(state ->> 'phase', 64)) STORED
);

CREATE TABLE livermore.command (
    user_id bigint NOT NULL REFERENCES livermore.desired (user_id) ON DELETE CASCADE,
    id uuid NOT NULL,
    seq bigint NOT NULL
        CONSTRAINT command_seq_range CHECK (seq BETWEEN 1 AND 9007199254740991),
    kind text NOT NULL
        CONSTRAINT command_kind_length CHECK (char_length(kind) <= 100),
    -- JSON as text and not as jsonb, which would print it in another way: the hash is of this text. '' when forgotten.
    body text NOT NULL
        CONSTRAINT command_body_size CHECK (octet_length(body) <= 65536),
    body_hash text NOT NULL
        CONSTRAINT command_body_hash_sha256 CHECK (body_hash ~ '^[0-9a-f]{64}$'),
    sender text NOT NULL
        CONSTRAINT command_sender_length CHECK (char_length(sender) BETWEEN 1 AND 100),
    -- Once begun, only its runner may end it.
    changes_settings boolean NOT NULL,
    submitted_at timestamptz NOT NULL,
    not_after timestamptz,
    attempts integer NOT NULL DEFAULT 0
        CONSTRAINT command_attempts_range CHECK (attempts >= 0),
    -- NULL while it is undecided.
    verdict text
        CONSTRAINT command_verdict_known
        CHECK (verdict IS NULL OR verdict IN ('applied', 'rejected', 'expired', 'cancelled', 'failed')),
    code text
        CONSTRAINT command_code_length CHECK (code IS NULL OR char_length(code) <= 100),
    detail text
        CONSTRAINT command_detail_size CHECK (detail IS NULL OR octet_length(detail) <= 16384),
    changed boolean,
    generation bigint
        CONSTRAINT command_generation_range CHECK (generation IS NULL OR generation BETWEEN 0 AND 9007199254740991),
    -- Of the lease it was decided under; NULL where no runner was involved.
    epoch bigint,
    decided_at timestamptz,
    -- How the job it asked for has ended.
    job jsonb,
    PRIMARY KEY (user_id, id),
    CONSTRAINT command_seq_unique UNIQUE (user_id, seq),
    -- An outcome is there as a whole or not at all.
    CONSTRAINT command_outcome_whole CHECK (
        (verdict IS NULL) = (code IS NULL) AND (verdict IS NULL) = (changed IS NULL)
        AND (verdict IS NULL) = (generation IS NULL) AND (verdict IS NULL) = (decided_at IS NULL)
        AND (verdict IS NOT NULL OR (detail IS NULL AND epoch IS NULL)))
);
CREATE INDEX command_open ON livermore.command (user_id, seq) WHERE verdict IS NULL;

-- What the monitor does, as its runner last reported.
CREATE TABLE livermore.observed (
    user_id bigint PRIMARY KEY REFERENCES livermore.desired (user_id) ON DELETE CASCADE,
    report jsonb NOT NULL
        CONSTRAINT observed_report_object CHECK (jsonb_typeof(report) = 'object')
        CONSTRAINT observed_report_size CHECK (octet_length(report::text) <= 2097152),
    epoch bigint NOT NULL GENERATED ALWAYS AS ((report ->> 'epoch')::bigint) STORED,
    generation bigint NOT NULL GENERATED ALWAYS AS ((report ->> 'generation')::bigint) STORED,
    phase text GENERATED ALWAYS AS (left(report ->> 'phase', 64)) STORED,
    reported_at timestamptz NOT NULL
);

-- Who may decide.
CREATE TABLE livermore.lease (
    user_id bigint PRIMARY KEY REFERENCES livermore.desired (user_id) ON DELETE CASCADE,
    epoch bigint NOT NULL
        CONSTRAINT lease_epoch_range CHECK (epoch BETWEEN 0 AND 9007199254740991),
    holder text NOT NULL
        CONSTRAINT lease_holder_length CHECK (char_length(holder) BETWEEN 1 AND 100),
    expires_at timestamptz NOT NULL
);

-- What must not happen whatever a program does: an outcome that changes, a command that becomes another, an epoch or a
-- sequence number that goes back.
CREATE FUNCTION livermore.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this row of livermore.% may not be changed like that', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER command_final BEFORE UPDATE ON livermore.command FOR EACH ROW WHEN (
    (OLD.user_id, OLD.id, OLD.seq, OLD.kind, OLD.body_hash, OLD.sender, OLD.changes_settings, OLD.submitted_at,
        OLD.not_after)
    IS DISTINCT FROM (NEW.user_id, NEW.id, NEW.seq, NEW.kind, NEW.body_hash, NEW.sender, NEW.changes_settings,
        NEW.submitted_at, NEW.not_after)
    OR OLD.verdict IS NOT NULL AND (OLD.attempts, OLD.verdict, OLD.code, OLD.detail, OLD.changed, OLD.generation,
        OLD.epoch, OLD.decided_at)
    IS DISTINCT FROM (NEW.attempts, NEW.verdict, NEW.code, NEW.detail, NEW.changed, NEW.generation,
        NEW.epoch, NEW.decided_at)
    OR OLD.job IS NOT NULL AND OLD.job IS DISTINCT FROM NEW.job
    OR OLD.body <> NEW.body AND (NEW.body <> '' OR NEW.verdict IS NULL)
) EXECUTE FUNCTION livermore.refuse_change();
CREATE TRIGGER lease_epoch_rises BEFORE UPDATE ON livermore.lease FOR EACH ROW
    WHEN (NEW.epoch < OLD.epoch OR (NEW.epoch = OLD.epoch AND NEW.holder <> OLD.holder))
    EXECUTE FUNCTION livermore.refuse_change();
CREATE TRIGGER desired_rises BEFORE UPDATE ON livermore.desired FOR EACH ROW
    WHEN (NEW.last_seq < OLD.last_seq OR coalesce((NEW.state ->> 'generation')::bigint, 0) < OLD.generation)
    EXECUTE FUNCTION livermore.refuse_change();

ALTER TABLE livermore.desired ENABLE ROW LEVEL SECURITY;
ALTER TABLE livermore.desired FORCE ROW LEVEL SECURITY;
ALTER TABLE livermore.command ENABLE ROW LEVEL SECURITY;
ALTER TABLE livermore.command FORCE ROW LEVEL SECURITY;
ALTER TABLE livermore.observed ENABLE ROW LEVEL SECURITY;
ALTER TABLE livermore.observed FORCE ROW LEVEL SECURITY;
ALTER TABLE livermore.lease ENABLE ROW LEVEL SECURITY;
ALTER TABLE livermore.lease FORCE ROW LEVEL SECURITY;

CREATE POLICY desired_tenant ON livermore.desired
    USING (user_id = (SELECT livermore.tenant())) WITH CHECK (user_id = (SELECT livermore.tenant()));
CREATE POLICY command_tenant ON livermore.command
    USING (user_id = (SELECT livermore.tenant())) WITH CHECK (user_id = (SELECT livermore.tenant()));
CREATE POLICY observed_tenant ON livermore.observed
    USING (user_id = (SELECT livermore.tenant())) WITH CHECK (user_id = (SELECT livermore.tenant()));
CREATE POLICY lease_tenant ON livermore.lease
    USING (user_id = (SELECT livermore.tenant())) WITH CHECK (user_id = (SELECT livermore.tenant()));
-- Nobody deletes what is undecided.
CREATE POLICY command_kept ON livermore.command AS RESTRICTIVE FOR DELETE USING (verdict IS NOT NULL);
-- The owner sees what is undecided of everybody, for the function that lists users who wait.
CREATE POLICY command_owner_waits ON livermore.command FOR SELECT TO CURRENT_USER USING (verdict IS NULL);

-- Now, and a time from now on: whole milliseconds as in the program, and the end of its calendar.
CREATE FUNCTION livermore.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE AS $$ SELECT date_trunc('milliseconds', clock_timestamp()) $$;
CREATE FUNCTION livermore.later(p_time timestamptz, p_ms bigint) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_ms IS NOT NULL THEN
        least(p_time + p_ms * interval '1 millisecond', timestamptz '9999-12-31 23:59:59.999+00') END
$$;
CREATE FUNCTION livermore.millis(p_time timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$ SELECT round(extract(epoch FROM p_time) * 1000)::bigint $$;

-- The calls of the program, each one round trip and one transaction, as those of the settings. Locks are always taken in
-- this order: lease, desired, command. Times are read after the locks.

-- Ends what is over and nobody has begun. Whoever looks at commands calls it first; no timer is needed for the truth.
CREATE FUNCTION livermore.command_expire(p_user bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    looked timestamptz := livermore.clock();
    here bigint;
    ended uuid;
BEGIN
    IF NOT EXISTS (
        SELECT FROM livermore.command c
        WHERE c.user_id = p_user AND c.verdict IS NULL AND c.not_after < looked
            AND NOT (c.changes_settings AND c.attempts > 0)
    ) THEN
        RETURN;
    END IF;
    SELECT d.generation INTO here FROM livermore.desired d WHERE d.user_id = p_user FOR NO KEY UPDATE;
    looked := livermore.clock();
    FOR ended IN
        UPDATE livermore.command c
        SET verdict = 'expired', code = 'expired', detail = livermore.too_late(), changed = false, generation = here,
            decided_at = looked
        WHERE c.user_id = p_user AND c.verdict IS NULL AND c.not_after < looked
            AND NOT (c.changes_settings AND c.attempts > 0)
        RETURNING c.id
    LOOP
        PERFORM pg_notify('livermore_ack', p_user::text || ':' || ended::text);
    END LOOP;
END
$$;

CREATE FUNCTION livermore.too_late() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 'it was not decided in time'::text $$;

-- Makes a user's row, where there is none.
CREATE FUNCTION livermore.command_user(p_user bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- Each waits for another that does the same at this moment.
    INSERT INTO livermore.users (id) VALUES (p_user) ON CONFLICT DO NOTHING;
    INSERT INTO livermore.desired (user_id) VALUES (p_user) ON CONFLICT DO NOTHING;
END
$$;

-- NULL if the lease is held, and nobody takes it until the end of the transaction; otherwise the epoch the user is at.
-- FOR SHARE and not FOR KEY SHARE, which would not keep a taker out.
CREATE FUNCTION livermore.lease_lost(p_user bigint, p_epoch bigint, p_holder text) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM livermore.lease l WHERE l.user_id = p_user AND l.epoch = p_epoch AND l.holder = p_holder FOR SHARE;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN coalesce((SELECT l.epoch FROM livermore.lease l WHERE l.user_id = p_user), 0);
END
$$;

-- outcome: 'recorded', 'known' (the same command was recorded before), 'reused' (another one has the id), 'busy',
-- 'regressed' (seen: the generation a runner has reported, here: the one that is in the log), 'used_up'.
CREATE FUNCTION livermore.command_submit(
    p_user bigint, p_id uuid, p_kind text, p_body text, p_body_hash text, p_sender text, p_changes_settings boolean,
    p_time_ms bigint, p_max_open bigint,
    OUT outcome text, OUT command livermore.command, OUT seen bigint, OUT here bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
    last bigint;
    open bigint;
    overdue boolean;
    at timestamptz;
BEGIN
    -- Senders of one user queue up here.
    SELECT d.last_seq, d.generation INTO last, here FROM livermore.desired d WHERE d.user_id = p_user FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM livermore.command_user(p_user);
        SELECT d.last_seq, d.generation INTO last, here FROM livermore.desired d
        WHERE d.user_id = p_user FOR NO KEY UPDATE;
    END IF;
    -- One look for both: that something is overdue is rare.
    at := livermore.clock();
    SELECT count(*), bool_or(c.not_after < at AND NOT (c.changes_settings AND c.attempts > 0)) INTO open, overdue
    FROM livermore.command c WHERE c.user_id = p_user AND c.verdict IS NULL;
    IF overdue THEN
        PERFORM livermore.command_expire(p_user);
        SELECT count(*) INTO open FROM livermore.command c WHERE c.user_id = p_user AND c.verdict IS NULL;
    END IF;
    SELECT * INTO command FROM livermore.command c WHERE c.user_id = p_user AND c.id = p_id;
    IF FOUND THEN
        outcome := CASE WHEN command.body_hash = p_body_hash THEN 'known' ELSE 'reused' END;
        RETURN;
    END IF;
    SELECT o.generation INTO seen FROM livermore.observed o WHERE o.user_id = p_user;
    IF seen > here THEN
        outcome := 'regressed';
        RETURN;
    END IF;
    IF open >= p_max_open THEN
        outcome := 'busy';
        RETURN;
    END IF;
    IF last >= 9007199254740991 THEN
        outcome := 'used_up';
        RETURN;
    END IF;
    INSERT INTO livermore.command AS c
        (user_id, id, seq, kind, body, body_hash, sender, changes_settings, submitted_at, not_after)
    VALUES (p_user, p_id, last + 1, p_kind, p_body, p_body_hash, p_sender, p_changes_settings, at,
        livermore.later(at, p_time_ms))
    RETURNING * INTO command;
    UPDATE livermore.desired d SET last_seq = command.seq WHERE d.user_id = p_user;
    PERFORM pg_notify('livermore_bell', p_user::text || ':' || command.seq::text);
    outcome := 'recorded';
END
$$;

-- command is NULL where nothing is recorded; the rest is what its effect depends on.
CREATE FUNCTION livermore.command_status(
    p_user bigint, p_id uuid, OUT command livermore.command, OUT report jsonb, OUT epoch bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
BEGIN
    PERFORM livermore.command_expire(p_user);
    SELECT c.* INTO command FROM livermore.command c WHERE c.user_id = p_user AND c.id = p_id;
    IF FOUND THEN
        SELECT o.report INTO report FROM livermore.observed o WHERE o.user_id = p_user;
        SELECT l.epoch INTO epoch FROM livermore.lease l WHERE l.user_id = p_user;
    END IF;
END
$$;

-- Newest first. The report stands in the first row only.
CREATE FUNCTION livermore.command_history(p_user bigint, p_before bigint, p_limit bigint)
RETURNS TABLE (command livermore.command, report jsonb, epoch bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
    newest bigint;
BEGIN
    PERFORM livermore.command_expire(p_user);
    SELECT max(c.seq) INTO newest FROM livermore.command c
    WHERE c.user_id = p_user AND (p_before IS NULL OR c.seq < p_before);
    RETURN QUERY
        SELECT c, CASE WHEN c.seq = newest THEN o.report END, l.epoch
        FROM livermore.command c
        LEFT JOIN livermore.observed o ON o.user_id = p_user
        LEFT JOIN livermore.lease l ON l.user_id = p_user
        WHERE c.user_id = p_user AND c.seq <= newest
        ORDER BY c.seq DESC
        LIMIT p_limit;
END
$$;

-- outcome: 'cancelled', 'stands' (what is in command holds, decided or not), 'gone' (nothing is recorded).
CREATE FUNCTION livermore.command_cancel(
    p_user bigint, p_id uuid, p_code text, p_detail text, OUT outcome text, OUT command livermore.command)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
    here bigint;
BEGIN
    SELECT d.generation INTO here FROM livermore.desired d WHERE d.user_id = p_user FOR NO KEY UPDATE;
    PERFORM livermore.command_expire(p_user);
    UPDATE livermore.command c
    SET verdict = 'cancelled', code = p_code, detail = p_detail, changed = false, generation = here,
        decided_at = livermore.clock()
    WHERE c.user_id = p_user AND c.id = p_id AND c.verdict IS NULL AND NOT (c.changes_settings AND c.attempts > 0)
    RETURNING * INTO command;
    IF FOUND THEN
        outcome := 'cancelled';
        PERFORM pg_notify('livermore_ack', p_user::text || ':' || p_id::text);
    ELSE
        SELECT c.* INTO command FROM livermore.command c WHERE c.user_id = p_user AND c.id = p_id;
        outcome := CASE WHEN FOUND THEN 'stands' ELSE 'gone' END;
    END IF;
END
$$;

-- The leases that were given. One that somebody works under at this moment is not waited for: he has it.
CREATE FUNCTION livermore.lease_acquire(p_users bigint[], p_holder text, p_ttl_ms bigint)
RETURNS TABLE (user_id bigint, epoch bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text;
    held livermore.lease%ROWTYPE;
    at timestamptz;
BEGIN
    -- In the same order for everybody, so that two that want the same never wait for each other.
    FOR user_id IN SELECT DISTINCT u FROM unnest(p_users) AS u ORDER BY u LOOP
        tenant := set_config('app.user_id', user_id::text, true);
        SELECT l.* INTO held FROM livermore.lease l
        WHERE l.user_id = lease_acquire.user_id FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            PERFORM FROM livermore.lease l WHERE l.user_id = lease_acquire.user_id AND l.holder <> p_holder;
            CONTINUE WHEN FOUND;
            PERFORM livermore.command_user(user_id);
            INSERT INTO livermore.lease VALUES (user_id, 0, p_holder, '-infinity') ON CONFLICT DO NOTHING;
            SELECT l.* INTO held FROM livermore.lease l WHERE l.user_id = lease_acquire.user_id FOR UPDATE;
        END IF;
        at := livermore.clock();
        IF held.expires_at > at THEN
            -- A holder that asks again keeps its epoch: the first answer was lost.
            CONTINUE WHEN held.holder <> p_holder;
            epoch := held.epoch;
        ELSE
            CONTINUE WHEN held.epoch >= 9007199254740991;
            epoch := held.epoch + 1;
        END IF;
        UPDATE livermore.lease l
        SET epoch = lease_acquire.epoch, holder = p_holder, expires_at = livermore.later(at, p_ttl_ms)
        WHERE l.user_id = lease_acquire.user_id;
        RETURN NEXT;
    END LOOP;
END
$$;

-- The leases that are still held. With no time it gives them back.
CREATE FUNCTION livermore.lease_renew(p_users bigint[], p_epochs bigint[], p_holders text[], p_ttl_ms bigint)
RETURNS TABLE (user_id bigint, epoch bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text;
    mine record;
BEGIN
    FOR mine IN
        SELECT * FROM unnest(p_users, p_epochs, p_holders) AS a (of, epoch, holder) ORDER BY a.of
    LOOP
        tenant := set_config('app.user_id', mine.of::text, true);
        UPDATE livermore.lease l SET expires_at = livermore.later(livermore.clock(), p_ttl_ms)
        WHERE l.user_id = mine.of AND l.epoch = mine.epoch AND l.holder = mine.holder
        RETURNING l.user_id, l.epoch INTO user_id, epoch;
        IF FOUND THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Which of these users have an undecided command, nothing else. Runs as the owner: it crosses tenants.
CREATE FUNCTION livermore.command_waiting(p_users bigint[]) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u FROM unnest(p_users) AS u
    WHERE EXISTS (SELECT FROM livermore.command c WHERE c.user_id = u AND c.verdict IS NULL)
$$;

-- outcome: 'next', 'idle', 'stale' (current: the epoch the user is at), 'regressed'.
CREATE FUNCTION livermore.command_next(
    p_user bigint, p_epoch bigint, p_holder text,
    OUT outcome text, OUT command livermore.command, OUT state jsonb, OUT report jsonb, OUT at timestamptz,
    OUT current bigint, OUT seen bigint, OUT here bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
BEGIN
    current := livermore.lease_lost(p_user, p_epoch, p_holder);
    IF current IS NOT NULL THEN
        outcome := 'stale';
        RETURN;
    END IF;
    SELECT d.state, d.generation INTO state, here FROM livermore.desired d WHERE d.user_id = p_user FOR NO KEY UPDATE;
    SELECT o.report, o.generation INTO report, seen FROM livermore.observed o WHERE o.user_id = p_user;
    IF seen > here THEN
        outcome := 'regressed';
        RETURN;
    END IF;
    PERFORM livermore.command_expire(p_user);
    UPDATE livermore.command c SET attempts = least(c.attempts::bigint + 1, 2147483647)
    WHERE c.user_id = p_user AND c.seq = (
        SELECT min(o.seq) FROM livermore.command o WHERE o.user_id = p_user AND o.verdict IS NULL)
    RETURNING * INTO command;
    outcome := CASE WHEN FOUND THEN 'next' ELSE 'idle' END;
    at := livermore.clock();
END
$$;

-- outcome: 'decided' (command is what is recorded, be it this decision or an earlier one), 'stale', 'gone', 'regressed'
-- (seen: the generation that was to be written). p_state is NULL where the desired state stays as it is.
CREATE FUNCTION livermore.command_decide(
    p_user bigint, p_epoch bigint, p_holder text, p_seq bigint, p_verdict text, p_code text, p_detail text,
    p_changed boolean, p_done boolean, p_state jsonb,
    OUT outcome text, OUT command livermore.command, OUT current bigint, OUT seen bigint, OUT here bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
    looked timestamptz;
BEGIN
    current := livermore.lease_lost(p_user, p_epoch, p_holder);
    IF current IS NOT NULL THEN
        outcome := 'stale';
        RETURN;
    END IF;
    SELECT d.generation INTO here FROM livermore.desired d WHERE d.user_id = p_user FOR NO KEY UPDATE;
    SELECT c.* INTO command FROM livermore.command c WHERE c.user_id = p_user AND c.seq = p_seq FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'gone';
        RETURN;
    END IF;
    outcome := 'decided';
    IF command.verdict IS NOT NULL THEN
        RETURN;
    END IF;
    -- Once, and not the start of the transaction: locks may have been waited for.
    looked := livermore.clock();
    IF p_verdict = 'applied' AND NOT p_done AND looked > command.not_after THEN
        p_verdict := 'expired';
        p_code := 'expired';
        p_detail := livermore.too_late();
        p_changed := false;
        p_state := NULL;
    END IF;
    seen := (p_state ->> 'generation')::bigint;
    IF p_state IS NOT NULL AND seen IS DISTINCT FROM here + 1 THEN
        outcome := 'regressed';
        RETURN;
    END IF;
    UPDATE livermore.command c
    SET verdict = p_verdict, code = p_code, detail = p_detail, changed = p_changed, generation = coalesce(seen, here),
        epoch = p_epoch, decided_at = looked
    WHERE c.user_id = p_user AND c.seq = p_seq AND c.verdict IS NULL
    RETURNING * INTO STRICT command;
    IF p_state IS NOT NULL THEN
        UPDATE livermore.desired d SET state = p_state WHERE d.user_id = p_user;
    END IF;
    PERFORM pg_notify('livermore_ack', p_user::text || ':' || command.id::text);
END
$$;

-- outcome: 'done', 'stale'.
CREATE FUNCTION livermore.command_postpone(
    p_user bigint, p_epoch bigint, p_holder text, p_seq bigint, OUT outcome text, OUT current bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
BEGIN
    current := livermore.lease_lost(p_user, p_epoch, p_holder);
    outcome := CASE WHEN current IS NULL THEN 'done' ELSE 'stale' END;
    IF current IS NULL THEN
        PERFORM FROM livermore.desired d WHERE d.user_id = p_user FOR NO KEY UPDATE;
        -- One attempt at changing the settings stays counted: it is what keeps the command its runner's.
        UPDATE livermore.command c SET attempts = c.attempts - 1
        WHERE c.user_id = p_user AND c.seq = p_seq AND c.verdict IS NULL
            AND c.attempts > CASE WHEN c.changes_settings THEN 1 ELSE 0 END;
    END IF;
END
$$;

-- outcome: 'there', 'stale'.
CREATE FUNCTION livermore.command_states(
    p_user bigint, p_epoch bigint, p_holder text,
    OUT outcome text, OUT state jsonb, OUT report jsonb, OUT current bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
BEGIN
    current := livermore.lease_lost(p_user, p_epoch, p_holder);
    outcome := CASE WHEN current IS NULL THEN 'there' ELSE 'stale' END;
    IF current IS NULL THEN
        SELECT d.state INTO state FROM livermore.desired d WHERE d.user_id = p_user;
        SELECT o.report INTO report FROM livermore.observed o WHERE o.user_id = p_user;
    END IF;
END
$$;

-- remaining: of the lease, in milliseconds; holder and epoch are NULL when nobody holds it.
CREATE FUNCTION livermore.command_overview(
    p_user bigint, OUT state jsonb, OUT report jsonb, OUT holder text, OUT epoch bigint, OUT remaining bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
BEGIN
    -- One statement, so that the parts belong together.
    SELECT d.state, o.report, l.holder, l.epoch,
            ceil(extract(epoch FROM l.expires_at - clock_timestamp()) * 1000)::bigint
        INTO state, report, holder, epoch, remaining
        FROM livermore.desired d
        LEFT JOIN livermore.observed o ON o.user_id = d.user_id
        LEFT JOIN livermore.lease l ON l.user_id = d.user_id AND l.expires_at > clock_timestamp()
        WHERE d.user_id = p_user;
END
$$;

-- p_ended and p_ends: the ids of the commands whose jobs have ended, and how.
-- outcome: 'done', 'stale', 'regressed' (the report is written all the same: it is the evidence).
CREATE FUNCTION livermore.command_observe(
    p_user bigint, p_epoch bigint, p_holder text, p_report jsonb, p_ended uuid[], p_ends jsonb[],
    OUT outcome text, OUT current bigint, OUT seen bigint, OUT here bigint)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
BEGIN
    current := livermore.lease_lost(p_user, p_epoch, p_holder);
    IF current IS NOT NULL THEN
        outcome := 'stale';
        RETURN;
    END IF;
    SELECT d.generation INTO here FROM livermore.desired d WHERE d.user_id = p_user FOR NO KEY UPDATE;
    INSERT INTO livermore.observed AS o (user_id, report, reported_at) VALUES (p_user, p_report, livermore.clock())
    ON CONFLICT (user_id) DO UPDATE SET report = EXCLUDED.report, reported_at = EXCLUDED.reported_at
    RETURNING o.generation INTO seen;
    IF cardinality(p_ended) > 0 THEN
        UPDATE livermore.command c SET job = e.job
        FROM (SELECT DISTINCT ON (id) id, job FROM unnest(p_ended, p_ends) WITH ORDINALITY AS a (id, job, place)
            ORDER BY id, place) AS e
        WHERE c.user_id = p_user AND c.id = e.id AND c.job IS NULL;
    END IF;
    PERFORM pg_notify('livermore_ack', p_user::text || ':' || seen::text);
    outcome := CASE WHEN seen > here THEN 'regressed' ELSE 'done' END;
END
$$;

-- Says that the desired state holds although a runner has seen a later generation, and returns it.
CREATE FUNCTION livermore.command_rebase(p_user bigint, OUT state jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    tenant text := set_config('app.user_id', p_user::text, true);
    seen bigint;
    here bigint;
BEGIN
    SELECT d.state, d.generation INTO state, here FROM livermore.desired d WHERE d.user_id = p_user FOR NO KEY UPDATE;
    SELECT o.generation INTO seen FROM livermore.observed o WHERE o.user_id = p_user;
    IF seen > here AND seen < 9007199254740991 THEN
        state := state || jsonb_build_object('generation', seen + 1);
        UPDATE livermore.desired d SET state = command_rebase.state WHERE d.user_id = p_user;
    END IF;
END
$$;

-- Drops what was decided longer ago: the payloads after the first time, everything after the second.
CREATE FUNCTION livermore.command_forget(p_users bigint[], p_keep_ms bigint, p_keep_outcome_ms bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    tenant text;
    one bigint;
    at timestamptz := livermore.clock();
BEGIN
    FOR one IN SELECT DISTINCT u FROM unnest(p_users) AS u ORDER BY u LOOP
        tenant := set_config('app.user_id', one::text, true);
        PERFORM FROM livermore.desired d WHERE d.user_id = one FOR NO KEY UPDATE;
        DELETE FROM livermore.command c
        WHERE c.user_id = one AND c.verdict IS NOT NULL AND livermore.later(c.decided_at, p_keep_outcome_ms) < at;
        UPDATE livermore.command c SET body = ''
        WHERE c.user_id = one AND c.verdict IS NOT NULL AND livermore.later(c.decided_at, p_keep_ms) < at AND c.body <> '';
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION livermore.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 3 $$;

CREATE OR REPLACE FUNCTION livermore.grant_access(p_role text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- Two that grant at once would be in each other's way ("tuple concurrently updated").
    PERFORM pg_advisory_xact_lock(hashtext('livermore.grant_access'));
    EXECUTE format('GRANT USAGE ON SCHEMA livermore TO %I', p_role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON livermore.users TO %I', p_role);
    EXECUTE format('GRANT SELECT, INSERT ON livermore.settings_history TO %I', p_role);
    EXECUTE format('GRANT EXECUTE ON FUNCTION livermore.settings_users(bigint, bigint) TO %I', p_role);
    EXECUTE format('GRANT EXECUTE ON FUNCTION livermore.settings_revisions(bigint[]) TO %I', p_role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON livermore.desired, livermore.observed, livermore.lease TO %I', p_role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON livermore.command TO %I', p_role);
    EXECUTE format('GRANT EXECUTE ON FUNCTION livermore.command_waiting(bigint[]) TO %I', p_role);
END
$$;

REVOKE ALL ON FUNCTION livermore.command_waiting(bigint[]) FROM PUBLIC;
