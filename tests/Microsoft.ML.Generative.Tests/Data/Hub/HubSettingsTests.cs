using Microsoft.ML.Generative.Data.Hub;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The environment variables mean what they mean to huggingface_hub (constants.py and utils/_auth.py).</summary>
public sealed class HubSettingsTests
{
    [Theory]
    [InlineData(null, false)]
    [InlineData("", false)]
    [InlineData("0", false)]
    [InlineData("false", false)]
    [InlineData("no", false)]
    [InlineData("off", false)]
    [InlineData("1", true)]
    [InlineData("true", true)]
    [InlineData("True", true)]
    [InlineData("YES", true)]
    [InlineData("on", true)]
    public void Offline(string? value, bool isOffline)
    {
        Assert.Equal(isOffline, Of("HF_HUB_OFFLINE", value).IsOffline);
        Assert.False(HubSettings.Of(new() { Offline = false }, name => name == "HF_HUB_OFFLINE" ? value : null).IsOffline);
    }

    [Theory]
    [InlineData("secret", "secret")]
    [InlineData(" secret\r\n", "secret")]
    [InlineData("\n", null)]
    [InlineData("", null)]
    public void The_token_loses_the_whitespace_around_it(string value, string? token)
    {
        Assert.Equal(token, Of("HF_TOKEN", value).Token);
        Assert.Equal(token, HubSettings.Of(new() { Token = value }, name => name == "HF_TOKEN" ? "other" : null).Token);
    }

    [Theory]
    [InlineData("hf_ab\nX-Evil: 1", 5)]
    [InlineData("hf ab", 2)]
    [InlineData("hf_\u00e4", 3)]
    [InlineData("hf_\0", 3)]
    public void A_token_that_cannot_be_a_header_is_refused_without_being_shown(string value, int place)
    {
        string message = Assert.Throws<ArgumentException>(() => Of("HF_TOKEN", value)).Message;
        Assert.StartsWith("HF_TOKEN has the character U+", message);
        Assert.Contains($"in place {place};", message);
        Assert.DoesNotContain("hf_", message);
        Assert.StartsWith("Token has", Assert.Throws<ArgumentException>(() => HubSettings.Of(new() { Token = value }, _ => null)).Message);
    }

    [Theory]
    [InlineData("https://hf-mirror.com", "https://hf-mirror.com/gpt2/resolve/0/config.json")]
    [InlineData("https://proxy.example.org/hf/", "https://proxy.example.org/hf/gpt2/resolve/0/config.json")]
    [InlineData("https://proxy.example.org/hf", "https://proxy.example.org/hf/gpt2/resolve/0/config.json")]
    [InlineData("http://localhost:8080/a/b/", "http://localhost:8080/a/b/gpt2/resolve/0/config.json")]
    public void An_endpoint_may_have_a_path(string value, string address)
    {
        var repository = new HubRepository("gpt2", "refs/pr/1");
        Assert.Equal(address, repository.File(Of("HF_ENDPOINT", value).Endpoint, "0", "config.json").AbsoluteUri);
        Assert.Equal(
            address.Replace("gpt2/resolve/0/config.json", "api/models/gpt2/revision/refs%2Fpr%2F1?blobs=true", StringComparison.Ordinal),
            repository.Listing(Of("HF_ENDPOINT", value).Endpoint).AbsoluteUri);
    }

    [Theory]
    [InlineData("hf-mirror.com")]
    [InlineData("localhost:8080")]
    [InlineData("/hf")]
    [InlineData("http://hf-mirror.com")]
    [InlineData("ftp://localhost")]
    [InlineData("file:///hf")]
    [InlineData("https://hf-mirror.com?x=1")]
    public void An_endpoint_that_is_no_https_address_is_refused(string value)
    {
        string message = Assert.Throws<ArgumentException>(() => Of("HF_ENDPOINT", value)).Message;
        Assert.StartsWith($"HF_ENDPOINT is '{value}'; expected an address that begins with https", message);
    }

    [Fact]
    public void A_relative_endpoint_is_refused_by_the_options_name()
    {
        var options = new HuggingFaceHubOptions { Endpoint = new Uri("hf-mirror.com", UriKind.Relative) };
        Assert.StartsWith(
            "Endpoint is 'hf-mirror.com'", Assert.Throws<ArgumentException>(() => HubSettings.Of(options, _ => null)).Message);
    }

    [Fact]
    public void A_password_in_an_endpoint_is_refused_without_being_shown()
    {
        string message = Assert.Throws<ArgumentException>(() => Of("HF_ENDPOINT", "https://me:secret@example.org")).Message;
        Assert.Contains("'example.org'", message);
        Assert.DoesNotContain("secret", message);
    }

    private static HubSettings Of(string variable, string? value) => HubSettings.Of(new(), name => name == variable ? value : null);
}
