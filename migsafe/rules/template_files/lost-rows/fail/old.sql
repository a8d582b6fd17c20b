CREATE TABLE folder (id INTEGER PRIMARY KEY);
CREATE TABLE @table|note@ (id INTEGER PRIMARY KEY, folder_id INTEGER);
INSERT INTO folder (id) VALUES (1);
INSERT INTO @table|note@ (id, folder_id) VALUES (1, 1), (2, NULL);
