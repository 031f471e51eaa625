using System.Text.Json;
using Microsoft.ML.Generative.Tests;
using Microsoft.Playwright;

namespace Module10.Tests.Browsing;

/// <summary>A page of the application, with cookies and storage of its own, which remembers what went wrong.</summary>
internal sealed class Browser : IAsyncDisposable
{
    public static readonly ViewportSize Desktop = new() { Width = 1280, Height = 900 }, Phone = new() { Width = 390, Height = 844 };

    private readonly IBrowserContext _context;
    private readonly List<string> _errors = [];

    private Browser(IBrowserContext context, IPage page)
    {
        (_context, Page) = (context, page);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                _errors.Add(message.Text);
        };
        page.PageError += (_, error) => _errors.Add(error);
        page.RequestFailed += (_, request) =>
        {
            // A stream of events that the page itself closes is aborted, too.
            if (request.Failure?.Contains("ERR_ABORTED", StringComparison.Ordinal) != true)
                _errors.Add($"{request.Url}: {request.Failure}");
        };
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(new Uri(page.Url).GetLeftPart(UriPartial.Authority), StringComparison.Ordinal)
                && page.Url != "about:blank" && !request.Url.StartsWith("data:", StringComparison.Ordinal)
                && !request.Url.StartsWith("blob:", StringComparison.Ordinal))
                _errors.Add($"The page asks for {request.Url}.");
        };
    }

    public IPage Page { get; }

    /// <summary>Opens the page.</summary>
    public static async Task<Browser> OpenAsync(
        CapstoneServer server, string path, ViewportSize? size = null, ColorScheme scheme = ColorScheme.Light)
    {
        IBrowserContext context = await (await server.Chromium.Value).Browser.NewContextAsync(new()
        {
            ViewportSize = size ?? Desktop,
            ColorScheme = scheme,
            ReducedMotion = ReducedMotion.Reduce,
            HasTouch = size == Phone,
        });
        context.SetDefaultTimeout((float)Eventually.Limit.TotalMilliseconds);
        var opened = new Browser(context, await context.NewPageAsync());
        await opened.Page.GotoAsync(new Uri(server.Address, path).ToString());
        return opened;
    }

    /// <summary>Waits until an element holds a text.</summary>
    public async Task WaitForTextAsync(string selector, string text) =>
        await Page.Locator(selector, new() { HasTextString = text }).First.WaitForAsync();

    /// <summary>Checks that the page is no wider than the screen, and that nothing went wrong.</summary>
    public async Task CheckAsync()
    {
        int surplus = await Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        Assert.Equal(0, surplus);
        Assert.Empty(_errors);
    }

    /// <summary>The serious violations that axe-core finds, one a line.</summary>
    public async Task<IReadOnlyList<string>> ViolationsAsync()
    {
        // Evaluated, not added as a script, which the page's policy forbids.
        await Page.EvaluateAsync(AxeFactAttribute.Script.Value!);
        JsonElement result = await Page.EvaluateAsync<JsonElement>(
            "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })");
        return [.. result.GetProperty("violations").EnumerateArray()
            .Where(violation => violation.GetProperty("impact").GetString() is "serious" or "critical" or "moderate")
            .SelectMany(violation => violation.GetProperty("nodes").EnumerateArray().Select(node =>
                $"{violation.GetProperty("id").GetString()}: {node.GetProperty("html").GetString()}"))];
    }

    public ValueTask DisposeAsync() => _context.DisposeAsync();
}
