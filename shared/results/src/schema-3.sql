-- Schema 3 adds what tells one frame, and one edge's part of a run, from another, and which side of a
-- threshold passes. What earlier versions recorded has NULL there.

ALTER TABLE runs ADD COLUMN bound TEXT CHECK (bound IN ('>=', '<='));
ALTER TABLE runs ADD COLUMN source TEXT;
ALTER TABLE runs ADD COLUMN settings_digest TEXT;

ALTER TABLE frames ADD COLUMN picture_digest TEXT;
ALTER TABLE frames ADD COLUMN container_digest TEXT;
