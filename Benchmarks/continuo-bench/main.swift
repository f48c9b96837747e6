// Measurements of our own parts; `make bench` runs them. One file per benchmark.

let arguments = CommandLine.arguments
switch arguments.count > 1 ? arguments[1] : "" {
case "kernels": benchmarkKernels()
case "crepe": benchmarkCREPE(Array(arguments.dropFirst(2)))
case "pitch": benchmarkPitch(Array(arguments.dropFirst(2)))
case "activations": dumpActivations(Array(arguments.dropFirst(2)))
case "synth": benchmarkSynth(Array(arguments.dropFirst(2)))
case "engine": benchmarkEngine(Array(arguments.dropFirst(2)))
case "transfer": benchmarkTransfer(Array(arguments.dropFirst(2)))
case "bass": benchmarkBass(Array(arguments.dropFirst(2)))
case "bass-take": dumpBassTake(Array(arguments.dropFirst(2)))
case "bass-length": benchmarkBassLength(Array(arguments.dropFirst(2)))
case "loop": loopInput(Array(arguments.dropFirst(2)))
default:
    print(
        """
        usage: continuo-bench kernels
               continuo-bench crepe [--model tiny|full] [--seconds N] [--batch N]
               continuo-bench pitch [--seconds N] [--rate HZ] [MODEL…]
               continuo-bench synth [MODEL]
               continuo-bench engine [MODEL]
               continuo-bench transfer MODEL WEIGHTS RECORDING…
               continuo-bench bass AUTOENCODER GENERATOR [SECONDS]
               continuo-bench bass-take AUTOENCODER GENERATOR MIX FOLDER [--steps N] [--guidance W] …
               continuo-bench bass-length AUTOENCODER GENERATOR MINUTES…
               continuo-bench loop SECONDS OUT.wav IN…
               continuo-bench activations MODEL IN.f32 OUT.f32 HOP [BATCH]
        """)
}
