"""Dead letters that return: how each comes back, what people may do about it, and who sends it again.

returning.py    every way by which letters come, one line each (origins/<way>.py)
edits.py        edits of a message: JSON Patch and two operations of ours
acting.py       one person does one thing to one letter; the others hear who it was
bulk.py         the same for thousands
dispatcher.py   sends what people asked for, in order, whoever dies on the way (process `jobs`)
reading.py      a letter as people see it
"""
