using Microsoft.ML.Generative.Tests;
using Microsoft.Playwright;

namespace Module10.Tests.Browsing;

/// <summary>The browser of all tests.</summary>
internal sealed class ChromiumProcess : IAsyncDisposable
{
    private readonly IPlaywright _playwright;

    private ChromiumProcess(IPlaywright playwright, IBrowser browser) => (_playwright, Browser) = (playwright, browser);

    public IBrowser Browser { get; }

    public static async Task<ChromiumProcess> StartAsync()
    {
        IPlaywright playwright = await Playwright.CreateAsync();
        Assertions.SetDefaultExpectTimeout((float)Eventually.Limit.TotalMilliseconds);
        return new ChromiumProcess(playwright, await playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = BrowserFactAttribute.BrowserPath,
            Args = ["--no-sandbox"],
        }));
    }

    public async ValueTask DisposeAsync()
    {
        await Browser.DisposeAsync();
        _playwright.Dispose();
    }
}
