using System.Diagnostics;
using System.Runtime.Versioning;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// The library starts in a process whose user has no folder of its own, as in a hardened container, and leaves nothing behind.
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class ForeignHomeTests
{
    private const int Nobody = 65534;

    [UnprivilegedTheory]
    [InlineData("/nonexistent", true)]
    [InlineData("/nonexistent", false)]
    [InlineData(null, true)]
    [InlineData(null, false)]
    [InlineData("read-only", true)]
    [InlineData("read-only", false)]
    public void The_library_starts(string? home, bool hasTemporaryFolder)
    {
        using var readOnly = new TemporaryFolder();
        using var temporary = new TemporaryFolder();
        File.SetUnixFileMode(
            readOnly.Path, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        File.SetUnixFileMode(temporary.Path, (UnixFileMode)0b111_111_111);
        ProcessStartInfo start = ChildProgram.Of(
            "setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", Environment.ProcessPath!, "exec", ChildProgram.Library);
        start.WorkingDirectory = "/";
        start.Environment.Clear();
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH");
        // Its sockets would lie in the temporary folder.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        if (home is not null)
            start.Environment["HOME"] = home == "read-only" ? readOnly.Path : home;
        if (hasTemporaryFolder)
            start.Environment["TMPDIR"] = temporary.Path;

        (int code, string output, string errors) = ChildProgram.Run(start);
        Assert.True(code == 0, errors);
        Assert.Equal("1000", output.Trim());
        Assert.Empty(Directory.EnumerateFileSystemEntries(temporary.Path));
        Assert.Empty(Directory.EnumerateFileSystemEntries(readOnly.Path));
    }

    private sealed class UnprivilegedTheoryAttribute : TheoryAttribute
    {
        public UnprivilegedTheoryAttribute()
        {
            if (!OperatingSystem.IsLinux())
                Skip = "Runs on Linux only.";
            else if (!Environment.IsPrivilegedProcess)
                Skip = "Needs root, to become another user.";
            else if (!File.Exists("/usr/bin/setpriv"))
                Skip = "Needs setpriv of util-linux.";
            else if (!IsReadable(ChildProgram.Library) || !IsReadable(Environment.ProcessPath!))
                Skip = "Other users cannot read the tests or .NET.";
        }

        private static bool IsReadable(string file)
        {
            for (DirectoryInfo? folder = new FileInfo(file).Directory; folder is not null; folder = folder.Parent)
            {
                if (!folder.Exists || !folder.UnixFileMode.HasFlag(UnixFileMode.OtherExecute))
                    return false;
            }

            return File.Exists(file) && File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherRead);
        }
    }
}
