CREATE UNIQUE INDEX @table|note@_@column|label@_unique ON @table|note@ (@column|label@); -- expect: @hazard@
