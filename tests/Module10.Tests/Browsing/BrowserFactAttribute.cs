namespace Module10.Tests.Browsing;

/// <summary>A test with a browser; skipped, with the reason, where there is no Chromium.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute()
    {
        if (BrowserPath is null)
            Skip = "needs Chromium in the PATH, or in the environment variable CHROMIUM";
    }

    /// <summary>The system's browser: none is downloaded.</summary>
    public static string? BrowserPath { get; } = Candidates().FirstOrDefault(File.Exists);

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("CHROMIUM") is { Length: > 0 } named)
            yield return named;
        foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
        {
            yield return Path.Combine(folder, "chromium");
            yield return Path.Combine(folder, "google-chrome");
        }
    }
}
