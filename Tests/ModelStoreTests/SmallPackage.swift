import Foundation
import ModelStore

/// A package like a wheel, whose checkpoints are the fixture; and a pip that is a script.
enum SmallPackage {
    static let wheel = zip([("lib/assets/small.pth", fixtureBytes), ("lib/LICENSE", Array("Do what you like.\n".utf8))])
    static let package = PublishedModel.Package(
        name: "lib", version: "1.2", fileName: "lib-1.2-py3-none-any.whl", byteCount: Int64(wheel.count),
        sha256: SHA256.digest(of: wheel), license: "MIT", copyright: "Copyright (c) 2021 N. N.",
        licenseMember: "lib/LICENSE", licenseFileName: "lib-LICENSE.txt")

    static let modelSize: Int64 = 868
    /// The digest of the conversion: a change of any byte must be a decision.
    static let modelDigest = "c9839e0419945574f7ce2c98130e726013f01c2cfa186e7a3049a0b79dfd4e95"

    static func model(_ name: String = "small") -> PublishedModel {
        PublishedModel(
            name: name, architecture: "test", capacity: "small", parameters: 6 + 2 + 2 + 2 + 12 + 3, package: package,
            member: "lib/assets/small.pth", byteCount: modelSize, sha256: modelDigest)
    }

    /// A script that answers `--version` as pip does and logs its other calls to `FOLDER/calls`.
    /// - Parameter body: what it does with `$dest`, the folder to download to, and `$small`, the wheel.
    static func pip(_ folder: ScratchFolder, _ body: String) -> [String: String] {
        let small = folder.write("small.whl", wheel)
        let path = folder.write(
            "pip", Array(
                """
                [ "$1" != --version ] || { echo "pip 23.0.1 from /nowhere/pip (python 3.11)"; exit 0; }
                echo "$@" >>'\(folder.path)/calls'
                small='\(small)'
                while [ $# -gt 0 ]; do
                    case $1 in --dest) dest=$2 ;; --requirement) cat "$2" >>'\(folder.path)/requirements' ;; esac
                    shift
                done
                \(body)

                """.utf8))
        // Not run by its own name: the kernel refuses a file that a process starting elsewhere still holds open.
        return ["CONTINUO_PIP": "/bin/sh \(path)", "PATH": "/usr/bin:/bin"]
    }
}
