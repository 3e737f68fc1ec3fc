// Package members is the rule by which a group keeps itself: who votes, who replicates and stands ready, who goes.
//
// It is pure: [Decide] looks at the group as its Raft leader sees it and says what to change next, one step at a time. Every
// step leaves a majority of the voters healthy, so that it can be committed and what comes after it too:
//
//   - Members that can vote are healthy, are not leaving, and were not told never to be members. A spare must have caught up.
//   - The number of voters grows by itself only to odd numbers (an even one survives no more failures than the odd one
//     below), up to the number that is wanted, and shrinks by itself only towards it: fewer voters than before would
//     mean that what is acknowledged is on fewer disks.
//   - A dead voter is replaced first, by a spare: it is demoted, and removed only much later, if it has not come back. Where there
//     is no spare it stays a voter, unless enough are dead that without them the group would survive more.
//   - Who leaves, or is put out, is replaced if possible, then demoted, then removed. The last voter never goes.
//   - Voters and spares are spread over zones.
package members
