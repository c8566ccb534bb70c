// Package linear tests that the answers to clients are linearizable. A single machine that carries out one operation after
// the other could have given them. The package contains only tests.
//
// Clients record each operation with its answer while something breaks. Then porcupine, a checker, searches for an
// order of the operations that the models of a key and of a plan allow. The same search must reject the history after a mutation:
// an oversold plan, or a stale read.
package linear
