using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Module10.Models;

namespace Module10.Tests;

[Collection(CapstoneCollection.Name)]
public sealed class SecurityTests(CapstoneServer server) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = server.Address };

    [Theory]
    [InlineData("Origin", "https://example.org")]
    [InlineData("Origin", "null")]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    public async Task Other_pages_cannot_ask_for_work(string header, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/art/generate") { Content = JsonContent.Create(new { }) };
        request.Headers.Add(header, value);
        using HttpResponseMessage response = await _http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }

    [Fact]
    public async Task A_foreign_name_of_this_machine_is_not_answered()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/status");
        request.Headers.Host = "example.org";
        using HttpResponseMessage response = await _http.SendAsync(request);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Theory]
    [InlineData("/../Module10.Capstone.dll")]
    [InlineData("/%2e%2e/Module10.Capstone.dll")]
    [InlineData("/..%5cModule10.Capstone.dll")]
    [InlineData("/Module10.Capstone.dll")]
    public async Task Files_beside_the_page_are_not_served(string path)
    {
        using HttpResponseMessage response = await _http.GetAsync(path);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task The_page_may_load_nothing_from_elsewhere()
    {
        using HttpResponseMessage response = await _http.GetAsync("/");
        string page = await response.Content.ReadAsStringAsync();
        Assert.StartsWith("<!doctype html>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http://", page, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", page, StringComparison.Ordinal);
        string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'; script-src 'self';", policy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_cookie_is_out_of_reach_of_scripts_and_other_pages()
    {
        using HttpResponseMessage response = await _http.GetAsync("/api/art/choices");
        string cookie = Assert.Single(response.Headers.GetValues("Set-Cookie"));
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Uploads_are_bounded()
    {
        using var content = new StringContent(new string('x', 3 << 20), null, "application/json");
        using HttpResponseMessage response = await _http.PostAsync("/api/art/generate", content);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Contains("too large", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_are_kept_for_the_next_start()
    {
        Assert.All(server.Services.GetServices<RoomModel>(), model =>
        {
            using RoomModel again = (RoomModel)Activator.CreateInstance(model.GetType(), server.Options)!;
            Assert.True(again.TryLoad(), model.Name);
            Assert.Equal(ModelState.Ready, again.Status.State);
        });
        Assert.Empty(Directory.GetFiles(server.Options.Folder, "*.tmp"));
        string status = await _http.GetStringAsync("/api/status/events");
        Assert.Contains("\"name\":\"art\",\"state\":\"ready\"", status, StringComparison.Ordinal);
        Assert.EndsWith("event: done\ndata: {}\n\n", status, StringComparison.Ordinal);
    }

    public void Dispose() => _http.Dispose();
}
