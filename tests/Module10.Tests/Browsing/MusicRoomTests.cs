using Microsoft.Playwright;

namespace Module10.Tests.Browsing;

[Collection(CapstoneCollection.Name)]
public class MusicRoomTests(CapstoneServer server)
{
    [BrowserFact]
    public async Task A_visitor_composes_plays_a_melody_and_has_it_harmonized_and_continued()
    {
        await using Browser browser = await Browser.OpenAsync(server, "/#music", Browser.Phone, ColorScheme.Dark);
        IPage page = browser.Page;
        await page.GetByLabel("Bars").FillAsync("2");
        await page.Locator("#music-form [name=key]").SelectOptionAsync("D major");
        await page.GetByRole(AriaRole.Checkbox, new() { Name = "In four voices" }).UncheckAsync();
        await Button("Compose").ClickAsync();
        await browser.WaitForTextAsync("#music-status", "notes in");

        // With the mouse, and with the arrows and Enter.
        await Button("G4").ClickAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await page.Keyboard.PressAsync("ArrowRight");
        await page.Keyboard.PressAsync("Enter");
        await page.GetByLabel("Each note lasts").SelectOptionAsync("2");
        await Button("B4").ClickAsync();
        await Button("C5").ClickAsync();
        await Button("Take back").ClickAsync();
        Assert.Equal("G4, A4, B4 ×2", await page.Locator("#melody").TextContentAsync());
        await Button("Harmonize it").ClickAsync();
        await browser.WaitForTextAsync("#music-status", "notes in 3 seconds");
        await page.Locator("#piece-wav").WaitForAsync();
        // Stopped where it begins, whose place is not gone however late it is looked for.
        await page.Locator("#piece-sound").EvaluateAsync(
            "sound => { sound.muted = true; return sound.play().then(() => { sound.pause(); sound.currentTime = 0; }); }");
        await page.Locator("#piece-place").WaitForAsync(new() { State = WaitForSelectorState.Attached });
        await Assertions.Expect(page.Locator("#piece-place")).Not.ToHaveAttributeAsync("hidden", "");

        if (AxeFactAttribute.Script.Value is not null)
            Assert.Empty(await browser.ViolationsAsync());
        await Button("Continue it").ClickAsync();
        await browser.WaitForTextAsync("#music-status", "notes in");
        await browser.CheckAsync();

        ILocator Button(string name) => page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });
    }

    [BrowserFact]
    public async Task What_is_no_midi_is_said_in_the_room()
    {
        await using Browser browser = await Browser.OpenAsync(server, "/#music");
        await browser.Page.GetByLabel("Upload MIDI").SetInputFilesAsync(
            new FilePayload { Name = "song.mid", MimeType = "audio/midi", Buffer = "MTrk"u8.ToArray() });
        await browser.WaitForTextAsync("#melody-error", "The file is not MIDI that can be read");
        Assert.Equal("No notes yet.", await browser.Page.Locator("#melody").TextContentAsync());
    }
}
