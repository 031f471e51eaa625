using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace Module10.Tests.Browsing;

[Collection(CapstoneCollection.Name)]
public class WriterRoomTests(CapstoneServer server)
{
    [BrowserFact]
    public async Task A_visitor_uploads_a_text_sees_it_learned_and_has_it_continued()
    {
        await using Browser browser = await Browser.OpenAsync(server, "/#writer", scheme: ColorScheme.Dark);
        IPage page = browser.Page;
        string text = string.Concat(Enumerable.Range(1, 60).Select(i => $"Article {i}. Who takes part {i} takes part {i + 1} as well.\n"));
        await page.GetByLabel("Upload a file").SetInputFilesAsync(new FilePayload
        {
            Name = "law.txt",
            MimeType = "text/plain",
            Buffer = Encoding.UTF8.GetBytes(text),
        });
        await Assertions.Expect(page.Locator("#learn-text")).ToHaveValueAsync(new Regex("^Article 1\\."));
        await page.GetByRole(AriaRole.Button, new() { Name = "Learn" }).ClickAsync();
        await browser.WaitForTextAsync("#learn-status", "Your text is learned.");
        Assert.True(await NumberAsync("#after-perplexity") < await NumberAsync("#before-perplexity"));
        Assert.NotEqual(0, await page.Locator("#learn-samples li").CountAsync());

        await page.GetByLabel("Beginning").FillAsync("Article");
        Assert.Equal("learned", await page.Locator("#continue-form [name=writer]").InputValueAsync());
        await page.GetByLabel("Tokens").FillAsync("20");
        await page.GetByRole(AriaRole.Button, new() { Name = "Write" }).ClickAsync();
        await Assertions.Expect(page.Locator("#continue-result")).ToHaveTextAsync(new Regex("Article.{3,}", RegexOptions.Singleline));
        await page.Locator("#continue-stop").WaitForAsync(new() { State = WaitForSelectorState.Hidden });
        await browser.CheckAsync();

        async Task<double> NumberAsync(string selector) =>
            double.Parse(await page.Locator(selector).InnerTextAsync(), System.Globalization.CultureInfo.InvariantCulture);
    }

    [BrowserFact]
    public async Task What_is_no_text_is_said_in_the_room()
    {
        await using Browser browser = await Browser.OpenAsync(server, "/#writer", Browser.Phone);
        IPage page = browser.Page;
        await page.GetByLabel("Upload a file").SetInputFilesAsync(new FilePayload
        {
            Name = "picture.txt",
            MimeType = "text/plain",
            Buffer = [0xFF, 0xD8, 0xFF],
        });
        await browser.WaitForTextAsync("#learn-error", "not text in UTF-8");
        await browser.CheckAsync();
    }
}
