using System.Diagnostics;

namespace Module10.Tests.Browsing;

/// <summary>A test of accessibility; skipped, with the reason, where there is no browser, or npm cannot fetch axe-core.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AxeFactAttribute : FactAttribute
{
    private const string Version = "4.14.1";

    public AxeFactAttribute()
    {
        if (BrowserFactAttribute.BrowserPath is null)
            Skip = "needs Chromium in the PATH, or in the environment variable CHROMIUM";
        else if (Script.Value is null)
            Skip = $"needs axe-core {Version}, which npm could not fetch";
    }

    /// <summary>The text of axe-core; null where it cannot be had.</summary>
    public static Lazy<string?> Script { get; } = new(Fetch);

    private static string? Fetch()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"axe-core-{Version}");
        string script = Path.Combine(folder, "node_modules", "axe-core", "axe.min.js");
        try
        {
            if (!File.Exists(script))
            {
                Directory.CreateDirectory(folder);
                string[] install = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder];
                using Process? npm = Process.Start(new ProcessStartInfo("npm", [.. install, $"axe-core@{Version}"])
                {
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                });
                if (npm is null || !npm.WaitForExit(TimeSpan.FromMinutes(1)))
                    npm?.Kill(entireProcessTree: true);
            }

            return File.Exists(script) ? File.ReadAllText(script) : null;
        }
        catch (Exception e) when (e is IOException or System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
