using Microsoft.Playwright;

namespace Module10.Tests.Browsing;

/// <summary>What a visitor sees in each room, on a desktop and on a phone, as images for the documentation.</summary>
[Collection(CapstoneCollection.Name)]
public class ScreenshotTests(CapstoneServer server)
{
    private const float LongestTraining = 600_000;

    private static readonly ViewportSize _desktop = new() { Width = 1100, Height = 900 };

    [ScreenshotFact]
    public async Task Art()
    {
        await using (Browser browser = await OpenAsync("art", _desktop, ColorScheme.Light))
        {
            IPage page = browser.Page;
            await page.Locator("#art-form summary").ClickAsync();
            await page.Locator("#art-form [name=count]").FillAsync("6");
            await page.GetByLabel("Prompt", new() { Exact = true }).FillAsync("yellow");
            await page.Locator("#art-form [name=seed]").FillAsync("3");
            await page.Locator("#art-form summary").ClickAsync();
            await page.Keyboard.PressAsync("Tab");
            await page.GetByRole(AriaRole.Button, new() { Name = "Generate", Exact = true }).ClickAsync();
            await browser.WaitForTextAsync("#art-status", "6 images of");
            await page.Locator("#art-images button").Nth(2).ClickAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Keep in the gallery" }).ClickAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Right half" }).ClickAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Walk", Exact = true }).ClickAsync();
            await browser.WaitForTextAsync("#walk-status", "16 images.");
            await page.GetByLabel("Image of the walk").FillAsync("8");
            await KeepAsync(browser, "art-desktop-light");
        }

        await using Browser phone = await OpenAsync("art", Browser.Phone, ColorScheme.Dark);
        await phone.Page.GetByLabel("Prompt", new() { Exact = true }).FillAsync("a purple heart");
        await phone.Page.GetByRole(AriaRole.Button, new() { Name = "Generate", Exact = true }).ClickAsync();
        await phone.WaitForTextAsync("#art-status", "4 images of");
        await KeepAsync(phone, "art-phone-dark");
    }

    [ScreenshotFact]
    public async Task Chat()
    {
        await using (Browser browser = await OpenAsync("chat", _desktop, ColorScheme.Dark))
        {
            await browser.Page.GetByRole(AriaRole.Button, new() { Name = "Train" }).ClickAsync();
            await browser.WaitForTextAsync("#teach-status", "mine has learned 3 examples");
            await SayAsync(browser, "hello", "What is my dog called?", "where do i live?");
            await KeepAsync(browser, "chat-desktop-dark");
        }

        await using Browser phone = await OpenAsync("chat", Browser.Phone, ColorScheme.Light);
        await SayAsync(phone, "what does a frog say?", "where is my bicycle?");
        await KeepAsync(phone, "chat-phone-light");

        static async Task SayAsync(Browser browser, params string[] messages)
        {
            foreach ((int i, string message) in messages.Index())
            {
                await browser.Page.GetByLabel("Your message").FillAsync(message);
                await browser.Page.Keyboard.PressAsync("Enter");
                await Assertions.Expect(browser.Page.Locator("#chat-log li")).ToHaveCountAsync(2 * (i + 1));
                await browser.WaitForTextAsync("#chat-status", "tokens in");
            }
        }
    }

    [ScreenshotFact]
    public async Task Music()
    {
        await using (Browser browser = await OpenAsync("music", _desktop, ColorScheme.Light))
        {
            IPage page = browser.Page;
            foreach ((string key, string length) in (IEnumerable<(string, string)>)
                [("G4", "1"), ("B4", "1"), ("D5", "1"), ("C5", "0.5"), ("B4", "0.5"), ("A4", "2"), ("G4", "2")])
            {
                await page.GetByLabel("Each note lasts").SelectOptionAsync(length);
                await page.GetByRole(AriaRole.Button, new() { Name = key, Exact = true }).ClickAsync();
            }

            await page.GetByRole(AriaRole.Button, new() { Name = "Continue it" }).ClickAsync();
            await browser.WaitForTextAsync("#music-status", "notes in");
            await page.Locator("#piece-wav").WaitForAsync();
            await page.Locator("#piece-sound").EvaluateAsync("sound => { sound.muted = true; sound.currentTime = 5; }");
            await Assertions.Expect(page.Locator("#piece-place")).Not.ToHaveAttributeAsync("hidden", "");
            await KeepAsync(browser, "music-desktop-light");
        }

        await using Browser phone = await OpenAsync("music", Browser.Phone, ColorScheme.Dark);
        await phone.Page.GetByRole(AriaRole.Button, new() { Name = "Compose", Exact = true }).ClickAsync();
        await phone.WaitForTextAsync("#music-status", "notes in");
        await phone.Page.Locator("#piece-wav").WaitForAsync();
        await KeepAsync(phone, "music-phone-dark");
    }

    [ScreenshotFact]
    public async Task Writer()
    {
        await using (Browser browser = await OpenAsync("writer", _desktop, ColorScheme.Dark))
        {
            IPage page = browser.Page;
            await page.GetByLabel("Upload a file").SetInputFilesAsync(Path.Combine(RepositoryRoot(), "docs", "training.md"));
            await Assertions.Expect(page.Locator("#learn-text")).Not.ToHaveValueAsync("");
            await page.GetByRole(AriaRole.Button, new() { Name = "Learn" }).ClickAsync();
            await browser.WaitForTextAsync("#learn-status", "Your text is learned.");
            await WriteAsync(browser, "A checkpoint");
            await KeepAsync(browser, "writer-desktop-dark");
        }

        await using Browser phone = await OpenAsync("writer", Browser.Phone, ColorScheme.Light);
        await WriteAsync(phone, "Once upon a time");
        await KeepAsync(phone, "writer-phone-light");

        static async Task WriteAsync(Browser browser, string beginning)
        {
            await browser.Page.GetByLabel("Beginning").FillAsync(beginning);
            await browser.Page.GetByRole(AriaRole.Button, new() { Name = "Write" }).ClickAsync();
            await browser.Page.Locator("#continue-stop").WaitForAsync();
            await browser.Page.Locator("#continue-stop").WaitForAsync(new() { State = WaitForSelectorState.Hidden });
        }
    }

    private async Task<Browser> OpenAsync(string room, ViewportSize size, ColorScheme scheme)
    {
        Browser browser = await Browser.OpenAsync(server, $"/#{room}", size, scheme);
        browser.Page.SetDefaultTimeout(LongestTraining);
        return browser;
    }

    // An image of the whole page.
    private static async Task KeepAsync(Browser browser, string name)
    {
        await browser.CheckAsync();
        await browser.Page.ScreenshotAsync(new() { FullPage = true, Path = Path.Combine(ScreenshotFactAttribute.Folder!, $"{name}.png") });
    }

    private static string RepositoryRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "GenAI.sln")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new DirectoryNotFoundException("The tests do not run within the repository.");
    }
}
