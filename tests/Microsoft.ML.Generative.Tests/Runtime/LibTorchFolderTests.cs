using System.Diagnostics;
using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.Tests;

/// <summary>libtorch out of a folder that the user names.</summary>
public sealed class LibTorchFolderTests
{
    [LinuxFact]
    public void A_program_without_libtorch_runs_with_that_of_another_folder()
    {
        using var application = new TemporaryFolder();
        using var installation = new TemporaryFolder();
        string program = CopyWithoutLibTorch(application, installation);
        string lib = Path.Combine(installation.Path, "torch", "lib");

        (int code, string output, string errors) = Run(program, null);
        Assert.NotEqual(0, code);
        Assert.Contains("The native library libtorch was not found", errors, StringComparison.Ordinal);

        // No file names the version: libtorch itself does.
        (code, output, errors) = Run(program, lib);
        Assert.True(code == 0, errors);
        Assert.Equal("1000", output.Trim());
        string missing = TorchRuntime.Explain([], "");
        (code, output, errors) = Run(program, null, "preload", "use");
        Assert.Equal((0, "0", missing), (code, output.Trim(), errors));
        (code, output, errors) = Run(program, lib, "preload", "use");
        Assert.Equal((0, "1000", ""), (code, output.Trim(), errors));

        (code, _, errors) = Run(program, null, "preload", "name");
        Assert.NotEqual(0, code);
        Assert.Contains(
            "libtorch was looked for already: set TorchRuntime.LibTorchDirectory before TorchRuntime.Preload", errors,
            StringComparison.Ordinal);

        File.WriteAllText(Path.Combine(installation.Path, "torch", "version.py"), "__version__ = '2.12.0+cu130'\n");
        (code, _, errors) = Run(program, lib);
        Assert.NotEqual(0, code);
        Assert.Contains(
            $"The libtorch in '{lib}', which GENERATIVE_LIBTORCH names, has version 2.12.0+cu130, but TorchSharp was built for 2.10.0",
            errors, StringComparison.Ordinal);
    }

    [LinuxFact]
    public void A_program_may_end_while_libtorch_is_loaded()
    {
        Assert.Equal((0, "", ""), Run(ChildProgram.Library, null, "preload", "return"));
        Assert.Equal((3, "", ""), Run(ChildProgram.Library, null, "preload", "exit"));
    }

    [LinuxFact]
    public void Calls_of_TorchSharp_wait_for_the_same_libraries()
    {
        (int code, string output, string errors) = Run(ChildProgram.Library, null, "preload", "torch");
        Assert.True(code == 0, errors);
        Assert.Equal("1 2 3 4 5 6 7 8\n1\n", output);
    }

    [LinuxFact]
    public void Another_folder_cannot_be_named_while_libtorch_is_loaded()
    {
        (int code, _, string errors) = Run(ChildProgram.Library, null, "preload", "name");
        Assert.NotEqual(0, code);
        Assert.Contains("libtorch is already loaded, from '", errors, StringComparison.Ordinal);
    }

    [LinuxFact]
    public void Fit_begins_to_load_libtorch_before_it_looks_at_the_data()
    {
        (int code, string output, string errors) = Run(ChildProgram.Library, null, "preload", "fit");
        Assert.True(code == 0, errors);
        Assert.Equal(["True", "True"], output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("version.py", "from typing import Optional\n\n__version__ = '2.10.0+cu128'\ndebug = False\n", "2.10.0+cu128")]
    [InlineData("version.py", "__all__ = ['__version__', 'debug']\n__version__ = \"2.9.1\"\n", "2.9.1")]
    [InlineData("build-version", "2.10.0+cpu\n", "2.10.0+cpu")]
    [InlineData("README", "2.10.0", null)]
    public void The_version_is_that_of_the_installation(string file, string content, string? expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(file), content);
        Assert.Equal(expected, LibTorchFolder.ReadVersion(folder.File("lib")));
    }

    [Theory]
    [InlineData("/root/.nuget/packages/libtorch-cpu-linux-x64/2.10.0/runtimes/linux-x64/native", "2.10.0")]
    [InlineData("/packages/libtorch-cuda-12.8-linux-x64/2.9.1/runtimes/linux-x64/native/", "2.9.1")]
    [InlineData("/opt/native", null)]
    public void The_version_is_that_of_the_package(string folder, string? expected) =>
        Assert.Equal(expected, LibTorchFolder.ReadVersion(folder));

    [Theory]
    [InlineData(0x020A_0000_0000_0000UL, "2.10.0")]
    [InlineData(0x020B_0100_0000_0000UL, "2.11.1")]
    public void The_library_packs_its_version_into_bytes(ulong packed, string expected) =>
        Assert.Equal(expected, LibTorchFolder.DescribeAbiVersion(packed));

    [Theory]
    [InlineData("2.10.0", true)]
    [InlineData("2.10.1+cu128", true)]
    [InlineData("2.1.0", false)]
    [InlineData("2.100.0", false)]
    [InlineData("2.11.0+cu130", true)]
    [InlineData("2.12.0", false)]
    [InlineData("1.13.1", false)]
    public void Only_the_releases_that_TorchSharp_runs_on_fit(string version, bool fits) =>
        Assert.Equal(fits, new LibTorchFolder("/x", "S").DescribeMismatch(version) is null);

    [Fact]
    public void A_folder_that_is_missing_or_lacks_files_is_named_with_what_it_lacks()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(
            $"The folder '{folder.File("no")}', which GENERATIVE_LIBTORCH names, does not exist.",
            new LibTorchFolder(folder.File("no"), "GENERATIVE_LIBTORCH").FindProblem([]));

        File.WriteAllBytes(folder.File(LibTorchFolder.FileName("torch_cpu")), []);
        File.WriteAllBytes(folder.File(LibTorchFolder.FileName("torch_cuda")), []);
        string expected = string.Join(" and ", new[] { "c10", "c10_cuda", "torch" }.Select(LibTorchFolder.FileName));
        Assert.StartsWith(
            $"The folder '{folder.Path}', which GENERATIVE_LIBTORCH names, lacks {expected}: expected is",
            new LibTorchFolder(folder.Path, "GENERATIVE_LIBTORCH").FindProblem([]), StringComparison.Ordinal);
    }

    [Fact]
    public void An_application_that_brings_its_own_libtorch_cannot_name_another()
    {
        TorchRuntime.EnsureLoaded();
        string own = Path.GetDirectoryName(LibTorchFolder.LoadedFile())!;
        using var folder = new TemporaryFolder();
        foreach (string library in (string[])["c10", "torch_cpu", "torch"])
            File.WriteAllBytes(folder.File(LibTorchFolder.FileName(library)), []);

        Assert.StartsWith(
            $"GENERATIVE_LIBTORCH names the libtorch in '{folder.Path}', but the application brings its own in '{own}': remove",
            new LibTorchFolder(folder.Path, "GENERATIVE_LIBTORCH").FindProblem([]), StringComparison.Ordinal);
        Assert.Null(new LibTorchFolder(own, "GENERATIVE_LIBTORCH").FindProblem(TorchNativeLoader.OwnFolders()));
    }

    [Fact]
    public void The_folder_is_named_before_libtorch_is_loaded()
    {
        TorchRuntime.EnsureLoaded();
        var error = Assert.Throws<InvalidOperationException>(() => TorchRuntime.LibTorchDirectory = "/elsewhere");
        Assert.StartsWith($"libtorch is already loaded, from '{Path.GetDirectoryName(LibTorchFolder.LoadedFile())}'", error.Message);
        Assert.Throws<ArgumentException>(() => TorchRuntime.LibTorchDirectory = " ");
        TorchRuntime.LibTorchDirectory = TorchRuntime.LibTorchDirectory;
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    public void An_empty_variable_names_no_folder(string? value) => Assert.Null(TorchRuntime.FromEnvironment(value));

    // The managed libraries and TorchSharp's native one in one folder, libtorch in another.
    private static string CopyWithoutLibTorch(TemporaryFolder application, TemporaryFolder installation)
    {
        string[] managed =
        [
            .. Directory.GetFiles(ChildProgram.Folder, "*.dll"), .. Directory.GetFiles(ChildProgram.Folder, "*.runtimeconfig.json"),
        ];
        foreach (string file in managed)
            File.Copy(file, application.File(Path.GetFileName(file)));

        string native = Path.GetDirectoryName(LibTorchFolder.LoadedFile())!;
        File.Copy(Path.Combine(native, "libLibTorchSharp.so"), application.File("libLibTorchSharp.so"));
        string lib = Directory.CreateDirectory(Path.Combine(installation.Path, "torch", "lib")).FullName;
        foreach (string file in Directory.GetFiles(native).Where(f => !f.EndsWith("libLibTorchSharp.so", StringComparison.Ordinal)))
            File.CreateSymbolicLink(Path.Combine(lib, Path.GetFileName(file)), file);
        return application.File(Path.GetFileName(ChildProgram.Library));
    }

    private static (int Code, string Output, string Errors) Run(string program, string? libTorch, params string[] arguments)
    {
        ProcessStartInfo start = ChildProgram.Of("dotnet", [program, .. arguments]);
        start.Environment[LibTorchFolder.Variable] = libTorch ?? "";
        return ChildProgram.Run(start);
    }
}
