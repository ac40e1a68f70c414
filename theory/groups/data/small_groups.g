# Groups of GAP's SmallGroups library as lines of text, and the table of all groups up to order 32:
#
#     (cat small_groups.g; echo 'PrintSmallGroups(32);') | gap -q -A > small_groups.txt
#
# A line holds order, index, structure description and columns: for each generator g the numbers of the elements x*g,
# x running over all elements. Elements are numbered from 0 as in GAP's AsSSortedList, the identity first, so the whole
# table is GAP's MultiplicationTable with 1 subtracted.

LoadPackage("smallgrp");;
SetPrintFormattingStatus("*stdout*", false);;

PrintSmallGroup := function(order, index)
  local group, elements, generators, columns;
  if not SmallGroupsAvailable(order) then
    Print("no library for order ", order, "\n");
  elif index < 1 or index > NrSmallGroups(order) then
    Print("number of groups ", NrSmallGroups(order), "\n");
  else
    group := SmallGroup(order, index);
    elements := AsSSortedList(group);
    generators := SmallGeneratingSet(group);
    if IsEmpty(generators) then generators := [One(group)]; fi;
    columns := List(generators, g -> List(elements, x -> Position(elements, x * g) - 1));
    Print(order, " ", index, " | ", StructureDescription(group), " | ",
          JoinStringsWithSeparator(List(columns, column -> JoinStringsWithSeparator(column, " ")), " | "), "\n");
  fi;
end;;

PrintSmallGroups := function(limit)
  local order, index;
  Print("# All groups up to order ", limit, ": GAP ", GAPInfo.Version, ", SmallGrp ", InstalledPackageVersion("smallgrp"),
        ".\n");
  Print("# order index | GAP's structure description (D8 has order 8) | columns x*g of the table, one a generator g\n");
  for order in [1 .. limit] do
    for index in [1 .. NrSmallGroups(order)] do
      PrintSmallGroup(order, index);
    od;
  od;
end;;
