-- Schema 4 adds how far the answer on what arrived agrees with the answer on the original.

ALTER TABLE distortions ADD COLUMN agreement REAL;
