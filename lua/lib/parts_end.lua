-- Ends the function that parts.lua begins.

Parts = { feedback = feedback, past = past, seldom = seldom, line = line, wait = wait }
return Parts

end
