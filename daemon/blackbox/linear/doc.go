// Package linear tests that what clients see is linearizable: all answers could have come from one machine that does one
// thing after the other. The package contains only tests.
//
// Clients record each operation with its answer while something breaks. Then porcupine, a checker, searches for an
// order of the operations that the models of a key and of a plan allow. The same search must reject the history after a mutation:
// an oversold plan, or a stale read.
package linear
