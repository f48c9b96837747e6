import Foundation
import Host
import Testing

@Suite struct PatchTests {
    @Test func everythingIsRead() throws {
        let patch = try Patch(
            parsing: """
                name = "Two"
                comment = "for a test"
                [[plugin]]
                uri = "urn:a"
                preset = "Soft"
                controls = { gain = -3.5, mode = "Fast", on = true, n = 4 }
                [plugin.parameters]
                model = "m.bin"
                [[plugin]]
                uri = "urn:b"
                """, file: "t.toml", folder: "/folder")
        #expect(patch.name == "Two" && patch.comment == "for a test")
        #expect(patch.plugins.map(\.uri) == ["urn:a", "urn:b"])
        #expect(patch.plugins[0].preset == "Soft" && patch.plugins[0].folder == "/folder")
        let settings = Dictionary(uniqueKeysWithValues: patch.plugins[0].settings.map { ($0.key, $0.value) })
        #expect(settings == ["gain": "-3.5", "mode": "Fast", "on": "true", "n": "4", "model": "m.bin"])
    }

    @Test(arguments: [
        ("name = ", "t.toml:1: "),
        ("name = \"a\"\n\n[[plugin]]\nuri = \"x\ny\"", "t.toml:4: "),
        ("", "t.toml: names no plugin"),
        ("name = 3", "t.toml:1: name is a text in quotes"),
        ("color = \"red\"\n[[plugin]]\nuri = \"a\"", "t.toml:1: unknown key 'color'"),
        ("[plugin]\nuri = \"a\"", "t.toml:1: write [[plugin]], in double brackets"),
        ("[[plugin]]\npreset = \"a\"", "t.toml:1: plugin 1 has no uri"),
        ("[[plugin]]\nuri = \"a\"\n[[plugin]]\nuri = \"b\"\ncontrol = 3", "t.toml:5: unknown key 'control'"),
        ("[[plugin]]\nuri = \"a\"\npreset = 1", "t.toml:3: preset is a text"),
        ("[[plugin]]\nuri = \"a\"\ncontrols = 1", "t.toml:3: controls is a table"),
        ("[[plugin]]\nuri = \"a\"\n[plugin.controls]\ngain = [1]", "t.toml:4: gain is a number"),
        ("[[plugin]]\nuri = \"a\"\nname = \"x:y\"", "t.toml:3: 'x:y' is no name"),
        ("[[plugin]]\nuri = \"a\"\nname = \"x\"\n[[plugin]]\nuri = \"b\"\nname = \"x\"", "t.toml:6: two plugins are called 'x'"),
        ("[[plugin]]\nuri = \"a\"\nkeys = [60, 50]", "t.toml:3: keys is [lowest, highest]"),
        ("[[plugin]]\nuri = \"a\"\nchannels = [0]", "t.toml:3: channels is a MIDI channel from 1 to 16"),
        ("[[plugin]]\nuri = \"a\"\n[[connection]]\nfrom = \"in\"\n", "t.toml:3: connection 1 has no to"),
        ("[[plugin]]\nuri = \"a\"\n[[connection]]\nfrom = \"in\"\nto = \"a:in\"\nvia = 1", "t.toml:6: unknown key 'via'"),
        ("[[plugin]]\nuri = \"a\"\n[transport]\ntempo = 0", "t.toml:4: tempo is a number from 1 to 1000"),
        ("[[plugin]]\nuri = \"a\"\n[transport]\nswing = 0", "t.toml:4: unknown key 'swing'"),
        ("[[plugin]]\nuri = \"a\"\n[[midi]]\ncontrol = \"a:b\"", "t.toml:3: a mapping has one of"),
        ("[[plugin]]\nuri = \"a\"\n[[midi]]\ncontrol = \"a:b\"\ncc = 200", "t.toml:5: cc is a number from 0 to 127"),
        ("[[plugin]]\nuri = \"a\"\n[[program]]\nprogram = 1", "t.toml:3: a program has plugin and preset"),
        ("transport = 1\n[[plugin]]\nuri = \"a\"", "t.toml:1: write [transport]"),
    ]) func mistakesAreNamedWithTheirLine(text: String, expected: String) throws {
        do {
            _ = try Patch(parsing: text, file: "t.toml", folder: "/")
            Issue.record("accepted")
        } catch {
            #expect("\(error)".hasPrefix(expected), "\(error)")
            #expect(!"\(error)".contains("\n"))
        }
    }

    @Test func fileNamesStandBesideThePatch() throws {
        let scratch = try ScratchFolder()
        try scratch.write("some.txt", "text")
        let file = try scratch.write(
            "p.toml",
            """
            [[plugin]]
            uri = "\(Example.params)"
            parameters = { path = "some.txt", string = "hello" }
            """)
        let result = try render(Patch(reading: file).plugins) { $0.seconds = 0.1 }
        #expect(result.report.brokenSamples == 0)
        let wrong = try scratch.write("q.toml", "[[plugin]]\nuri = \"\(Example.params)\"\nparameters = { path = \"none.txt\" }")
        #expect(throws: HostError.self) { try render(Patch(reading: wrong).plugins) { $0.seconds = 0.1 } }
    }

    @Test func missingFileIsNamed() {
        #expect(throws: HostError.patch(file: "/nowhere.toml", line: nil, cause: "there is no such file")) {
            try Patch(reading: "/nowhere.toml")
        }
    }

    @Test func programRendersAPatchTheSameTwice() throws {
        let scratch = try ScratchFolder()
        let patch = try scratch.write(
            "p.toml", "[[plugin]]\nuri = \"\(Example.metro)\"\n[[plugin]]\nuri = \"\(Example.amp)\"\ncontrols = { gain = -6 }")
        for name in ["a.wav", "b.wav"] {
            let finished = Program([
                Program.continuo, "render", patch, "--seconds", "2", "--output", scratch.file(name), "--control", "2:gain=-12",
            ]).finish()
            #expect(finished.status == 0, "\(finished.errors)")
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.file("a.wav"))) == Data(contentsOf: URL(fileURLWithPath: scratch.file("b.wav"))))
        let wrong = Program([Program.continuo, "render", patch, "--seconds", "2", "--control", "3:gain=1"]).finish()
        #expect(wrong.status == 64)
        #expect(wrong.errors.hasPrefix("Error: '3:gain=1': there are 2 plugins, counted from 1"))
    }
}
