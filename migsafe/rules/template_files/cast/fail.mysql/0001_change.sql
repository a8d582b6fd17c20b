ALTER TABLE @table|note@ MODIFY @column|rank@ INT; -- expect: @hazard@
