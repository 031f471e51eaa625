using Microsoft.Playwright;

namespace Module10.Tests.Browsing;

[Collection(CapstoneCollection.Name)]
public class ArtRoomTests(CapstoneServer server)
{
    [BrowserFact]
    public async Task A_visitor_generates_varies_inpaints_and_keeps_images()
    {
        await using Browser browser = await Browser.OpenAsync(server, "/#art");
        IPage page = browser.Page;
        await page.Locator("#art-form summary").ClickAsync();
        await page.GetByLabel("Steps").FillAsync("3");
        await page.GetByLabel("Prompt", new() { Exact = true }).FillAsync("a red star");
        await page.GetByRole(AriaRole.Button, new() { Name = "blue", Exact = true }).ClickAsync();
        Assert.Equal("a blue star", await page.InputValueAsync("#art-prompt"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
        await browser.WaitForTextAsync("#art-status", "4 images of blue, star, seed 1.");

        await page.GetByAltText("Image 2").ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Variations" }).ClickAsync();
        await browser.WaitForTextAsync("#art-status", "4 images");
        await page.GetByRole(AriaRole.Button, new() { Name = "Left half" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Paint the marked part again" }).ClickAsync();
        await browser.WaitForTextAsync("#art-status", "4 images");
        // With a brush: a stroke across the canvas.
        ILocator canvas = page.Locator("#art-canvas");
        await canvas.ScrollIntoViewIfNeededAsync();
        LocatorBoundingBoxResult box = (await canvas.BoundingBoxAsync())!;
        await page.Mouse.MoveAsync(box.X + 20, box.Y + 20);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(box.X + box.Width - 20, box.Y + box.Height - 20, new() { Steps = 5 });
        await page.Mouse.UpAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Keep in the gallery" }).ClickAsync();
        await browser.WaitForTextAsync("#gallery-status", "Kept.");
        Assert.Equal(1, await page.Locator("#gallery li").CountAsync());

        await page.GetByRole(AriaRole.Button, new() { Name = "Walk", Exact = true }).ClickAsync();
        await browser.WaitForTextAsync("#walk-status", "16 images.");
        await browser.CheckAsync();
    }

    [BrowserFact]
    public async Task A_shared_link_makes_the_same_image_on_a_phone()
    {
        await using Browser browser = await Browser.OpenAsync(
            server, "/?prompt=green+heart&seed=7&steps=2&guidance=2&sampler=DpmSolver&size=120&count=2#art",
            Browser.Phone, ColorScheme.Dark);
        await browser.WaitForTextAsync("#art-status", "2 images of green, heart, seed 7.");
        string first = (await browser.Page.Locator("#art-images img").First.GetAttributeAsync("src"))!;
        await browser.Page.ReloadAsync();
        await browser.WaitForTextAsync("#art-status", "2 images of green, heart, seed 7.");
        Assert.Equal(first, await browser.Page.Locator("#art-images img").First.GetAttributeAsync("src"));
        await browser.CheckAsync();
    }

    [BrowserFact]
    public async Task An_error_is_said_in_the_room()
    {
        await using Browser browser = await Browser.OpenAsync(server, "/#art");
        await browser.Page.GetByLabel("Prompt", new() { Exact = true }).FillAsync("a <img src=x onerror=alert(1)> dragon");
        await browser.Page.Keyboard.PressAsync("Enter");
        await browser.WaitForTextAsync("#art-error", "The model knows the colors");
        await browser.CheckAsync();
    }
}
