using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace Module10.Tests.Browsing;

[Collection(CapstoneCollection.Name)]
public class ChatRoomTests(CapstoneServer server)
{
    [BrowserFact]
    public async Task A_visitor_talks_edits_regenerates_and_starts_again()
    {
        await using Browser browser = await Browser.OpenAsync(server, "/#chat", Browser.Phone);
        IPage page = browser.Page;
        await page.GetByLabel("Your message").FillAsync("<b>hello</b>");
        await page.Keyboard.PressAsync("Enter");
        await browser.WaitForTextAsync("#chat-status", "tokens in");
        Assert.Contains("<b>hello</b>", await page.Locator("#chat-log li.user").InnerTextAsync(), StringComparison.Ordinal);
        await page.GetByRole(AriaRole.Button, new() { Name = "Regenerate" }).ClickAsync();
        await browser.WaitForTextAsync("#chat-status", "tokens in");
        await page.GetByRole(AriaRole.Button, new() { Name = "Edit" }).ClickAsync();
        Assert.Equal("<b>hello</b>", await page.GetByLabel("Your message").InputValueAsync());
        Assert.Equal(0, await page.Locator("#chat-log li").CountAsync());
        await page.GetByRole(AriaRole.Button, new() { Name = "Send" }).ClickAsync();
        await browser.WaitForTextAsync("#chat-status", "tokens in");
        Assert.Equal(2, await page.Locator("#chat-log li").CountAsync());
        await page.GetByRole(AriaRole.Button, new() { Name = "New conversation" }).ClickAsync();
        Assert.Equal(0, await page.Locator("#chat-log li").CountAsync());
        await browser.CheckAsync();
    }

    [BrowserFact]
    public async Task A_visitor_uploads_examples_trains_an_adapter_and_switches_it()
    {
        await using Browser browser = await Browser.OpenAsync(server, "/#chat", scheme: ColorScheme.Dark);
        IPage page = browser.Page;
        await page.GetByLabel("Upload examples").SetInputFilesAsync(new FilePayload
        {
            Name = "examples.csv",
            MimeType = "text/csv",
            Buffer = "Who am I?;You are Anna.\nWhat do I play?;The violin.\n"u8.ToArray(),
        });
        await Assertions.Expect(page.GetByLabel("Examples, one a line")).ToHaveValueAsync(new Regex("^Who am I"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Train" }).ClickAsync();
        await browser.WaitForTextAsync("#teach-status", "mine has learned 2 examples, and answers now.");
        Assert.Equal("mine", await page.Locator("#chat-adapter").InputValueAsync());
        Assert.Equal(1, await page.Locator("#teach-curve svg").CountAsync());
        await page.GetByLabel("Your message").FillAsync("Who am I?");
        await page.GetByRole(AriaRole.Button, new() { Name = "Send" }).ClickAsync();
        await browser.WaitForTextAsync("#chat-status", "tokens in");
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove the adapter" }).ClickAsync();
        await page.Locator("#teach-remove").WaitForAsync(new() { State = WaitForSelectorState.Hidden });
        await page.GetByLabel("Examples, one a line").FillAsync("no bar");
        await page.GetByRole(AriaRole.Button, new() { Name = "Train" }).ClickAsync();
        await browser.WaitForTextAsync("#teach-error", "Line 1 has no bar");
        await browser.CheckAsync();
    }
}
