CREATE TABLE @table|note@_new (id INTEGER PRIMARY KEY, @column|body@ VARCHAR(40) NOT NULL);
INSERT INTO @table|note@_new (id, @column|body@) SELECT id, @column|body@ FROM @table|note@; -- expect: @hazard@
DROP TABLE @table|note@;
ALTER TABLE @table|note@_new RENAME TO @table|note@;
