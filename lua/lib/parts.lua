-- Begins the function that all parts up to parts_end.lua stand in: what most exchanges do without. So they are one function for
-- those exchanges, of which none of it is made; `parts().line()` makes it, and then the part. Parts call each other by name.

function parts()

if Parts then return Parts end
