ALTER TABLE @table|note@ ALTER COLUMN @column|rank@ TYPE integer USING @column|rank@::integer; -- expect: @hazard@
