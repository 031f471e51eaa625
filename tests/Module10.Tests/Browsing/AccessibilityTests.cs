using Microsoft.Playwright;

namespace Module10.Tests.Browsing;

[Collection(CapstoneCollection.Name)]
public class AccessibilityTests(CapstoneServer server)
{
    private static readonly string[] _rooms = ["art", "chat", "music", "writer"];

    [AxeFact]
    public async Task No_room_has_a_violation_in_light_or_dark_on_desktop_or_phone()
    {
        List<string> violations = [];
        (ViewportSize, ColorScheme)[] looks = [(Browser.Desktop, ColorScheme.Light), (Browser.Phone, ColorScheme.Dark)];
        foreach ((ViewportSize size, ColorScheme scheme) in looks)
        {
            await using Browser browser = await Browser.OpenAsync(server, "/", size, scheme);
            foreach (string room in _rooms)
            {
                await browser.Page.Locator($"nav a[href='#{room}']").ClickAsync();
                await browser.Page.Locator($"#{room}").WaitForAsync();
                violations.AddRange((await browser.ViolationsAsync()).Select(violation => $"{room}, {scheme}: {violation}"));
            }

            await browser.CheckAsync();
        }

        Assert.Empty(violations);
    }

    [BrowserFact]
    public async Task The_keyboard_alone_is_enough_to_make_an_image()
    {
        await using Browser browser = await Browser.OpenAsync(server, "/");
        await browser.Page.Keyboard.PressAsync("Tab");
        Assert.Equal("Skip to the room", await Focused());
        await browser.Page.Keyboard.PressAsync("Enter");
        for (int i = 0; i < 40 && await Focused() != "Generate"; i++)
            await browser.Page.Keyboard.PressAsync("Tab");
        await browser.Page.Keyboard.PressAsync("Enter");
        await browser.WaitForTextAsync("#art-status", "4 images");
        await browser.CheckAsync();

        Task<string> Focused() => browser.Page.EvaluateAsync<string>("document.activeElement.textContent.trim()");
    }
}
