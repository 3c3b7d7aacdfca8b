-- Adopts the settings of a table you have, here public.users (id, settings jsonb). Run it as a superuser, or as a role
-- that may read and alter your table and is a member of the owner role, after the migrations. It may be run again.
--
-- Afterwards the settings live in livermore.users, under the same ids. Your table keeps its rows and everything else.

BEGIN;

-- The copy must cross tenants, which row-level security is there to prevent; it holds again at the end.
ALTER TABLE livermore.users NO FORCE ROW LEVEL SECURITY;
ALTER TABLE livermore.settings_history NO FORCE ROW LEVEL SECURITY;

-- Every user gets a row. Settings without a version become version 1, the first there is: the program reads them as such,
-- and what is saved has a version from then on. Settings that livermore would refuse stay behind; the query at the end
-- shows whose.
INSERT INTO livermore.users (id, settings, settings_revision)
SELECT u.id,
    CASE WHEN fits THEN stamped END,
    CASE WHEN fits THEN 1 ELSE 0 END
FROM public.users u
CROSS JOIN LATERAL (
    SELECT CASE jsonb_typeof(u.settings) WHEN 'object' THEN '{"version": 1}' || u.settings END
) AS versioned (stamped)
CROSS JOIN LATERAL (SELECT livermore.is_settings(stamped) AND octet_length(stamped::text) <= 98304) AS ok (fits)
ON CONFLICT (id) DO NOTHING;

INSERT INTO livermore.settings_history (user_id, revision, document, actor, reason, cause, at)
SELECT id, settings_revision, settings, 'adoption', 'copied from public.users', 'adoption', now()
FROM livermore.users
WHERE settings IS NOT NULL AND settings_revision = 1
ON CONFLICT DO NOTHING;

ALTER TABLE livermore.settings_history FORCE ROW LEVEL SECURITY;
ALTER TABLE livermore.users FORCE ROW LEVEL SECURITY;

-- A user who is deleted takes the settings along. Leave this out if your table lives in another database.
ALTER TABLE livermore.users DROP CONSTRAINT IF EXISTS users_of_the_app;
ALTER TABLE livermore.users
    ADD CONSTRAINT users_of_the_app FOREIGN KEY (id) REFERENCES public.users (id) ON DELETE CASCADE;

-- For queries that read the old column: the same name and shape, always current, read-only. It runs with the rights of
-- its owner, who may read all users: grant it accordingly.
CREATE OR REPLACE VIEW public.users_with_settings AS
SELECT u.id, l.settings, l.settings_revision, l.mode
FROM public.users u LEFT JOIN livermore.users l ON l.id = u.id;

COMMIT;

-- Whose settings stayed behind:
SELECT u.id FROM public.users u JOIN livermore.users l USING (id) WHERE u.settings IS NOT NULL AND l.settings IS NULL;
