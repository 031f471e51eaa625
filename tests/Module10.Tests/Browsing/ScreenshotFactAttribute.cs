namespace Module10.Tests.Browsing;

/// <summary>Makes the documentation's screenshots where the environment variable CAPSTONE_SCREENSHOTS names a folder for them.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ScreenshotFactAttribute : FactAttribute
{
    public ScreenshotFactAttribute()
    {
        if (BrowserFactAttribute.BrowserPath is null)
            Skip = "needs Chromium in the PATH, or in the environment variable CHROMIUM";
        else if (Folder is not { Length: > 0 })
            Skip = "makes screenshots where CAPSTONE_SCREENSHOTS names a folder, of the trained models in the folder CAPSTONE_MODELS";
    }

    public static string? Folder { get; } = Environment.GetEnvironmentVariable("CAPSTONE_SCREENSHOTS");
}
