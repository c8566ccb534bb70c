// Package linear tests that the answers to clients are linearizable. This means that a single machine that carries out
// one operation after the other could have given the same answers. The package contains only tests.
//
// Clients record each operation with its answer while something breaks. Then the checker porcupine searches for an
// order of the operations that the models of a key and of a plan allow. The tests also change the recorded history, so
// that it has an oversold plan or a stale read. Then the search must find no order.
package linear
