using System.Diagnostics;

namespace Microsoft.ML.Generative.AspNetCore.Tests;

/// <summary>A test that runs a program as another user of this machine; skipped where that cannot be done.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OtherUserFactAttribute : FactAttribute
{
    /// <summary>nobody.</summary>
    public const string User = "65534";

    public OtherUserFactAttribute() => Skip = Obstacle();

    public static string[] Prefix => ["--reuid", User, "--regid", User, "--clear-groups"];

    private static string? Obstacle()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            return "Only root on Linux can run programs as other users.";
        if (!File.Exists("/usr/bin/setpriv"))
            return "The program setpriv is missing (Debian: util-linux).";
        using Process process = Process.Start("/usr/bin/setpriv", [.. Prefix, "test", "-x", Environment.ProcessPath!])!;
        process.WaitForExit();
        return process.ExitCode == 0 ? null : $"Other users may not run '{Environment.ProcessPath}'.";
    }
}
